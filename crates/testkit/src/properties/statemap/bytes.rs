//! Any bytes, given to every reader.

use arbitrary::{Result, Unstructured};
use midstride_statemap::machine::{InstanceImage, ModuleStateMap};
use midstride_statemap::{CompactMap, Image, ModuleMap, SiteState};

/// Readers end, with an error or a value, whatever the bytes are.
pub fn statemap_bytes(u: &mut Unstructured<'_>) -> Result<()> {
    let bytes = u.bytes(u.len())?;
    if let Ok(map) = CompactMap::parse(bytes) {
        look_up(&map);
    }
    if let Ok(module) = ModuleMap::parse(bytes) {
        let _ = module.validate();
    }
    if let Ok(image) = InstanceImage::from_bytes(bytes) {
        assert_eq!(image.to_bytes(), bytes);
    }
    if let Ok(map) = ModuleStateMap::from_borsh(bytes) {
        assert_eq!(ModuleStateMap::from_borsh(&map.to_borsh()), Ok(map));
    }
    if let Ok(image) = Image::read(bytes) {
        let written = image.to_bytes().expect("what was read can be written");
        assert_eq!(Image::read(&written), Ok(image));
    }
    Ok(())
}

/// Look-ups in a map that was never validated.
fn look_up(map: &CompactMap<'_>) {
    let mut state = SiteState::default();
    if let Ok(Some(site)) = map.site(map.site_count() / 2, &mut state) {
        let _ = map.find_code(site.code_offset, &mut state);
        let _ = map.find_wasm(site.wasm_offset, site.phase, &mut state);
        let _ = map.resume_offset(&site);
    }
    let _ = map.validate();
}
