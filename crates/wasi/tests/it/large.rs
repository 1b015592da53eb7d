//! Calls that move much: interrupted between two pieces, and made again for the rest.

use midstride_wasi::{Builder, Exit, Frozen, MemoryPipe, Stream, Streams};

use crate::harness::*;

/// Several pieces, and a rest.
const BYTES: u32 = (5 << 16) + 77;

/// A guest with an empty directory, and memory for `BYTES` behind the buffers.
fn guest() -> (Guest, tempfile::TempDir) {
    let (mut guest, dir) = Guest::with_dir();
    guest.memory.resize(1 << 20, 0);
    (guest, dir)
}

fn pattern() -> Vec<u8> {
    (0..BYTES).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Describes two buffers, neither of which ends where a piece does.
fn describe(guest: &mut Guest) -> [u64; 2] {
    let (first, second) = (100_001, BYTES - 100_001);
    let words = [BUFFER, first, BUFFER + first, second];
    guest.put(0x1000, &words.map(u32::to_le_bytes).concat());
    [0x1000, 2]
}

/// Makes a call with the interrupt raised, frozen and thawed each time it is interrupted, until it is done;
/// how often it was.
fn in_pieces(guest: &mut Guest, name: &str, args: &[u64]) -> u32 {
    let mut times = 0;
    loop {
        guest.wasi.interrupt().raise();
        match guest.try_call(name, args) {
            Err(Exit::Interrupted) => times += 1,
            answer => {
                assert_eq!(answer, Ok(midstride_wasi::Errno::Success), "{name}");
                return times;
            }
        }
        let bytes = guest.wasi.freeze().unwrap().to_bytes();
        guest.wasi = Frozen::from_bytes(&bytes).unwrap().thaw(Streams::default()).unwrap();
    }
}

#[test]
fn a_large_write_is_frozen_between_its_pieces() {
    let (mut guest, dir) = guest();
    let fd = guest.open("file", CREATE).unwrap();
    guest.put(BUFFER, &pattern());
    let [list, count] = describe(&mut guest);
    assert_eq!(in_pieces(&mut guest, "fd_write", &[fd, list, count, OUT.into()]), 5);
    assert_eq!(guest.u32(OUT), BYTES, "the guest sees one whole write");
    assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), pattern());
    assert_eq!(in_pieces(&mut guest, "fd_pwrite", &[fd, list, count, 9, OUT.into()]), 5);
    assert_eq!(std::fs::read(dir.path().join("file")).unwrap()[9..], pattern());
}

#[test]
fn a_large_read_is_frozen_between_its_pieces() {
    let (mut guest, dir) = guest();
    std::fs::write(dir.path().join("file"), pattern()).unwrap();
    let fd = guest.open_with(3, "file", 0, READ, 0).unwrap();
    let [list, count] = describe(&mut guest);
    assert_eq!(in_pieces(&mut guest, "fd_read", &[fd, list, count, OUT.into()]), 5);
    assert_eq!((guest.u32(OUT), guest.bytes(BUFFER, BYTES as usize)), (BYTES, &pattern()[..]));
    guest.put(BUFFER, &[0; 100]);
    assert_eq!(
        in_pieces(&mut guest, "fd_pread", &[fd, list, count, 77, OUT.into()]),
        5,
        "the end is not met before"
    );
    assert_eq!(guest.u32(OUT), BYTES - 77);
    assert_eq!(guest.bytes(BUFFER, BYTES as usize - 77), &pattern()[77..]);
}

#[test]
fn many_random_bytes_are_the_same_in_pieces() {
    let whole = |seed| {
        let mut guest = Guest::new(Builder::new().random_seed(seed));
        guest.memory.resize(1 << 20, 0);
        guest
    };
    let (mut one, mut two) = (whole(3), whole(3));
    one.ok("random_get", &[BUFFER.into(), BYTES.into()]);
    assert_eq!(in_pieces(&mut two, "random_get", &[BUFFER.into(), BYTES.into()]), 5);
    assert_eq!(one.memory, two.memory);
}

#[test]
fn a_large_write_to_memory_is_whole() {
    let output = MemoryPipe::new();
    let mut guest = Guest::new(Builder::new().stdout(Stream::Memory(output.clone())));
    guest.memory.resize(1 << 20, 0);
    guest.put(BUFFER, &pattern());
    let [list, count] = describe(&mut guest);
    guest.wasi.interrupt().raise();
    let args = [1, list, count, OUT.into()];
    while guest.try_call("fd_write", &args) == Err(Exit::Interrupted) {}
    assert_eq!((output.contents(), guest.u32(OUT)), (pattern(), BYTES));
}

#[test]
fn a_state_that_has_moved_more_than_there_is_moves_nothing() {
    let (mut guest, _dir) = guest();
    let fd = guest.open("file", CREATE).unwrap();
    let [list, count] = describe(&mut guest);
    let args = [fd, list, count, OUT.into()];
    guest.wasi.interrupt().raise();
    assert_eq!(guest.try_call("fd_write", &args), Err(Exit::Interrupted));
    let text = String::from_utf8(guest.wasi.freeze().unwrap().to_bytes()).unwrap();
    let text = text.replacen("\"moved\":65536", "\"moved\":18446744073709551615", 1);
    guest.wasi = Frozen::from_bytes(text.as_bytes()).unwrap().thaw(Streams::default()).unwrap();
    guest.ok("fd_write", &args);
    assert_eq!(guest.u32(OUT), BYTES);
}
