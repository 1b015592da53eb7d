//! Image files.

use std::fs;
use std::path::Path;

use midstride_osr::{ImageFile, Instance, Linker, Module, PageCheck, Val};

use crate::{instance, module, run};

/// Adds up a memory that it fills first; frozen between.
const TEXT: &str = r#"(module (memory 64)
    (func (export "run") (param i32) (result i32) (local i32 i32)
      (loop $fill
        (i32.store (i32.mul (local.get 1) (i32.const 9000)) (local.get 1))
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_if $fill (i32.lt_u (local.get 1) (local.get 0))))
      (loop $add
        (local.set 1 (i32.sub (local.get 1) (i32.const 1)))
        (local.set 2 (i32.add (local.get 2) (i32.load (i32.mul (local.get 1) (i32.const 9000)))))
        (br_if $add (local.get 1)))
      (local.get 2)))"#;

const SUM: [Val; 1] = [Val::I32(300 * 299 / 2)];

/// Frozen before the memory is added up.
fn saved(path: &Path) -> Instance {
    let instance = instance(TEXT);
    instance.freeze_handle().freeze_at_poll(320);
    let frozen = run(&instance, "run", &[Val::I32(300)]).frozen().unwrap();
    let bytes = frozen.save(path).unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), bytes);
    assert_eq!(fs::read(path).unwrap(), frozen.image().unwrap().to_bytes().unwrap());
    instance
}

fn end(module: &Module, path: &Path, check: PageCheck) -> Vec<Val> {
    let file = ImageFile::open(path).unwrap();
    let frozen = Linker::new().thaw_file(module, &file, check).unwrap();
    drop(file);
    frozen.resume().unwrap().results().unwrap()
}

#[test]
fn a_file_is_mapped_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    saved(&path);
    let module = module(TEXT);
    for check in [PageCheck::All, PageCheck::Head] {
        let before = fs::read(&path).unwrap();
        assert_eq!(end(&module, &path, check), SUM);
        assert_eq!(fs::read(&path).unwrap(), before, "the program writes to its own memory");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn zero_pages_are_not_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    saved(&path);
    // 300 pages of the 1024 that the memory has, and the head.
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    assert!((300..304).contains(&pages), "{pages} pages");
}

#[test]
fn a_torn_or_altered_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    saved(&path);
    let (whole, module) = (fs::read(&path).unwrap(), module(TEXT));
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match ImageFile::open(&path) {
            Err(error) => error.to_string(),
            Ok(file) => Linker::new().thaw_file(&module, &file, PageCheck::All).err().unwrap().to_string(),
        }
    };
    assert_eq!(refused(&[]), "this is not an image");
    for cut in [4, 200, 4096, whole.len() - 1] {
        refused(&whole[..cut]);
    }
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(refused(&altered).starts_with("checksum of memory 0 from page "), "{}", refused(&altered));
    for at in (0..whole.len()).step_by(whole.len() / 97) {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        refused(&altered);
    }
}

#[test]
fn a_process_of_its_own_writes_while_the_program_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    let instance = instance(TEXT);
    instance.freeze_handle().freeze_at_poll(320);
    let frozen = run(&instance, "run", &[Val::I32(300)]).frozen().unwrap();
    let saving = frozen.save_in_background(&path).unwrap();
    assert_eq!(frozen.resume().unwrap().results().unwrap(), SUM);
    saving.wait().unwrap();
    assert_eq!(end(instance.module(), &path, PageCheck::All), SUM);
    let frozen = instance.frozen();
    assert!(frozen.save_in_background(&directory.path().join("no/such/place")).unwrap().wait().is_err());
}
