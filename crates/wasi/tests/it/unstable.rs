//! The interface as it was before preview 1: the same functions, with some other numbers and layouts.

use midstride_wasi::{Errno, FUNCTIONS, UNSTABLE_FUNCTIONS};

use crate::harness::*;

fn call(guest: &mut Guest, name: &str, args: &[u64]) -> Errno {
    let function = UNSTABLE_FUNCTIONS.iter().find(|function| function.name() == name).unwrap();
    guest.wasi.call(function, &mut guest.memory, args).unwrap()
}

#[test]
fn both_versions_have_the_same_names_and_types_in_modules_of_their_own() {
    let types = |functions: &[midstride_wasi::Function]| -> Vec<_> {
        functions.iter().map(|it| (it.name(), it.params().to_owned(), it.results().to_owned())).collect()
    };
    assert_eq!(types(FUNCTIONS), types(UNSTABLE_FUNCTIONS));
    assert!(FUNCTIONS.iter().all(|function| function.module() == "wasi_snapshot_preview1"));
    assert!(UNSTABLE_FUNCTIONS.iter().all(|function| function.module() == "wasi_unstable"));
}

#[test]
fn places_to_seek_from_have_other_numbers() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    guest.write(fd, b"0123456789").unwrap();
    let [current, end, start] = [0, 1, 2];
    let mut seek = |offset: i64, whence| {
        let errno = call(&mut guest, "fd_seek", &[fd, offset.cast_unsigned(), whence, OUT.into()]);
        (errno, guest.u64(OUT))
    };
    assert_eq!(seek(3, start), (Errno::Success, 3));
    assert_eq!(seek(2, current), (Errno::Success, 5));
    assert_eq!(seek(-1, end), (Errno::Success, 9));
    assert_eq!(seek(0, 3).0, Errno::Inval);
}

#[test]
fn a_file_has_a_link_count_of_32_bits() {
    let (mut guest, dir) = Guest::with_dir();
    std::fs::write(dir.path().join("file"), "12345").unwrap();
    std::fs::hard_link(dir.path().join("file"), dir.path().join("other")).unwrap();
    let fd = guest.open_with(3, "file", 0, READ, 0).unwrap();
    let [path, len] = guest.path(0, "other");
    let ways =
        [("fd_filestat_get", vec![fd, OUT.into()]), ("path_filestat_get", vec![3, 0, path, len, OUT.into()])];
    for (name, args) in ways {
        guest.put(OUT, &[0xee; 64]);
        assert_eq!(call(&mut guest, name, &args), Errno::Success);
        let old = guest.bytes(OUT, 56).to_owned();
        assert_eq!(
            (guest.u32(OUT + 20), guest.u64(OUT + 24), guest.u64(OUT + 56)),
            (2, 5, 0xeeee_eeee_eeee_eeee)
        );
        guest.ok(name, &args);
        assert_eq!(guest.bytes(OUT, 17), &old[..17], "device, number, kind");
        assert_eq!(guest.bytes(OUT + 40, 24), &old[32..], "times");
    }
}

#[test]
fn a_clock_that_is_waited_for_has_a_name() {
    let mut guest = Guest::new(midstride_wasi::Builder::new());
    let mut record = [0; 56];
    record[0] = 0x70;
    record[16] = 99;
    record[24] = 1;
    record[32..40].copy_from_slice(&2_000_000_u64.to_le_bytes());
    guest.put(0x1000, &record);
    let start = std::time::Instant::now();
    assert_eq!(call(&mut guest, "poll_oneoff", &[0x1000, BUFFER.into(), 1, OUT.into()]), Errno::Success);
    assert!(start.elapsed().as_millis() >= 2);
    assert_eq!((guest.u32(OUT), guest.u64(BUFFER), guest.u32(BUFFER + 8)), (1, 0x70, 0));
}
