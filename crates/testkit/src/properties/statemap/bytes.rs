//! Any bytes, given to every reader.

use arbitrary::{Result, Unstructured};
use midstride_statemap::machine::{InstanceImage, ModuleStateMap};
use midstride_statemap::{CompactMap, Image, ImageHead, ModuleMap, SiteState};
use twox_hash::XxHash3_64;

/// Readers end, with an error or a value, whatever the bytes are; what they read can be written.
pub fn statemap_bytes(u: &mut Unstructured<'_>) -> Result<()> {
    if u.arbitrary()? {
        return image_sections(u);
    }
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
        assert_eq!(map.to_borsh(), bytes);
    }
    read_image(bytes);
    Ok(())
}

fn read_image(file: &[u8]) {
    if let Ok(image) = Image::read(file) {
        let written = image.to_bytes().expect("what was read can be written");
        assert_eq!(Image::read(&written), Ok(image));
    }
}

/// An image with any sections, whose checksums match: the readers of the sections are reached.
fn image_sections(u: &mut Unstructured<'_>) -> Result<()> {
    const LINES: usize = 64;
    let empty = Image::default().to_bytes().expect("the empty state is one");
    let count = usize::from(u16::from_le_bytes([empty[10], empty[11]]));
    let sections: Vec<Vec<u8>> = (0..count).map(|_| u.arbitrary()).collect::<Result<_>>()?;
    let pages = u.int_in_range(0..=2)?;
    let mut file = empty[..LINES].to_vec();
    let mut at = (LINES + 32 * count) as u64;
    for (kind, section) in (1_u64..).zip(&sections) {
        let line = [kind, at, section.len() as u64, XxHash3_64::oneshot(section)];
        line.iter().for_each(|number| file.extend(number.to_le_bytes()));
        at += section.len() as u64;
    }
    sections.iter().for_each(|section| file.extend(section));
    if pages > 0 {
        file.resize(file.len().next_multiple_of(4096) + pages * 4096, 0);
    }
    let length = (file.len() as u64).to_le_bytes();
    file[48..56].copy_from_slice(&length);
    let sum = XxHash3_64::oneshot(&[&file[..56], &file[LINES..LINES + 32 * count]].concat());
    file[56..64].copy_from_slice(&sum.to_le_bytes());
    let _ = ImageHead::read(&file);
    read_image(&file);
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
