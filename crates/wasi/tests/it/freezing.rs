//! From a host side to bytes and back.

use std::os::fd::OwnedFd;
use std::path::Path;

use midstride_wasi::{
    Builder, DirAccess, Errno, FreezeError, Frozen, MemoryPipe, Stream, Streams, ThawError,
};
use tempfile::TempDir;

use crate::harness::*;

/// Freezes a guest and thaws it with the same memory.
fn again(guest: Guest) -> Guest {
    let bytes = guest.wasi.freeze().unwrap().to_bytes();
    let memory = guest.memory;
    drop(guest.wasi);
    let wasi = Frozen::from_bytes(&bytes).unwrap().thaw(Streams::default()).unwrap();
    Guest { wasi, memory }
}

fn thaw_error(frozen: &Frozen) -> ThawError {
    frozen.thaw(Streams::default()).unwrap_err()
}

#[test]
fn files_go_on_at_their_offsets() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    let gap = guest.open("gap", CREATE).unwrap();
    let other = guest.open_with(3, "file", 0, READ, 0).unwrap();
    let log = guest.open_with(3, "log", CREATE, ALL, APPEND).unwrap();
    guest.write(fd, b"0123456789").unwrap();
    guest.write(log, b"first").unwrap();
    guest.seek(fd, 4, 0).unwrap();
    guest.seek(other, 9, 0).unwrap();
    guest.ok("fd_close", &[gap]);
    let mut guest = again(guest);
    assert_eq!(guest.read(fd, 2).unwrap(), b"45");
    assert_eq!(guest.write(fd, b"!"), Ok(1));
    assert_eq!(guest.read(other, 9).unwrap(), b"9");
    assert_eq!(guest.write(other, b"x"), Err(Errno::Badf));
    guest.seek(log, 0, 0).unwrap();
    guest.write(log, b"second").unwrap();
    assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"012345!789");
    assert_eq!(std::fs::read(dir.path().join("log")).unwrap(), b"firstsecond");
    assert_eq!(guest.open("new", CREATE), Ok(gap), "numbers that were free are free");
}

#[test]
fn files_are_found_by_the_names_they_have_now() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("old", CREATE).unwrap();
    guest.write(fd, b"text").unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    std::fs::rename(dir.path().join("old"), dir.path().join("sub/new")).unwrap();
    let mut guest = again(guest);
    assert_eq!(guest.pread(fd, 9, 0).unwrap(), b"text");
}

#[test]
fn directories_go_on_after_the_entries_they_gave() {
    let (mut guest, dir) = Guest::with_dir();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    for name in ["a", "b", "c"] {
        std::fs::write(dir.path().join("sub").join(name), "").unwrap();
    }
    let fd = guest.open("sub", DIRECTORY).unwrap();
    assert_eq!(guest.entries(fd, 4096, 0), 24 * 5 + 6);
    std::fs::remove_file(dir.path().join("sub/a")).unwrap();
    let mut guest = again(guest);
    assert_eq!(guest.entries(fd, 4096, 3), 50, "b and c, though a is gone");
    assert_eq!(guest.names(fd, 4096), [".", "..", "b", "c"]);
    assert_eq!(guest.open_with(fd, "b", 0, READ, 0), Ok(5));
    guest.ok("fd_prestat_get", &[3, OUT.into()]);
}

#[test]
fn arguments_environment_and_the_end_stay() {
    let builder = Builder::new().args([b"prog".to_vec(), vec![0xff, 0xfe]]).env("KEY", "value");
    let mut guest = Guest::new(builder);
    guest.try_call("proc_exit", &[3]).unwrap_err();
    let mut guest = again(guest);
    assert_eq!(guest.wasi.exit_code(), Some(3));
    guest.ok("args_get", &[0, BUFFER.into()]);
    assert_eq!(guest.bytes(BUFFER, 8), b"prog\0\xff\xfe\0");
    guest.ok("environ_get", &[0, BUFFER.into()]);
    assert_eq!(guest.bytes(BUFFER, 10), b"KEY=value\0");
}

#[test]
fn monotonic_time_stands_still_meanwhile() {
    let mut guest = Guest::new(Builder::new());
    let frozen = guest.wasi.freeze().unwrap();
    guest.ok("clock_time_get", &[1, 0, OUT.into()]);
    let before = guest.u64(OUT);
    std::thread::sleep(std::time::Duration::from_millis(300));
    guest.wasi = frozen.thaw(Streams::default()).unwrap();
    guest.ok("clock_time_get", &[1, 0, OUT.into()]);
    assert!(guest.u64(OUT) < before + 200_000_000);
}

#[test]
fn streams_in_memory_keep_what_was_not_read() {
    let output = MemoryPipe::new();
    let builder = Builder::new()
        .stdin(Stream::Memory(MemoryPipe::with_bytes(b"abcdef")))
        .stdout(Stream::Memory(output));
    let mut guest = Guest::new(builder);
    guest.read(0, 2).unwrap();
    guest.write(1, b"before ").unwrap();
    let frozen = guest.wasi.freeze().unwrap();
    let output = MemoryPipe::new();
    let streams = Streams { stdout: Some(Stream::Memory(output.clone())), ..Streams::default() };
    guest.wasi = frozen.thaw(streams).unwrap();
    assert_eq!(guest.read(0, 9).unwrap(), b"cdef");
    guest.write(1, b"after").unwrap();
    assert_eq!(output.contents(), b"before after");
}

#[test]
fn streams_of_the_embedder_have_to_be_given_again() {
    let (read, write) = std::io::pipe().unwrap();
    let mut guest = Guest::new(Builder::new().stdin(Stream::Handle(OwnedFd::from(read))));
    drop(write);
    let frozen = guest.wasi.freeze().unwrap();
    assert!(matches!(thaw_error(&frozen), ThawError::Stream { number: 0 }));
    let input = Stream::Memory(MemoryPipe::with_bytes(b"other"));
    guest.wasi = frozen.thaw(Streams { stdin: Some(input), ..Streams::default() }).unwrap();
    assert_eq!(guest.read(0, 9).unwrap(), b"other");
}

#[test]
fn a_deleted_file_cannot_be_frozen() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    let path = std::fs::canonicalize(dir.path()).unwrap().join("file");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(guest.wasi.freeze(), Err(FreezeError::Deleted { fd: fd as u32, path: path.clone() }));
    std::fs::write(&path, "another").unwrap();
    assert_eq!(guest.wasi.freeze(), Err(FreezeError::Deleted { fd: fd as u32, path }));
    guest.ok("fd_close", &[fd]);
    guest.wasi.freeze().unwrap();
}

#[test]
fn a_file_that_was_moved_out_cannot_be_frozen() {
    let (mut guest, dir) = Guest::with_dir();
    let elsewhere = tempfile::tempdir().unwrap();
    guest.open("file", CREATE).unwrap();
    let path = std::fs::canonicalize(elsewhere.path()).unwrap().join("file");
    std::fs::rename(dir.path().join("file"), &path).unwrap();
    assert_eq!(guest.wasi.freeze(), Err(FreezeError::Outside { fd: 4, path }));
}

#[test]
fn a_pipe_cannot_be_frozen_and_does_not_block() {
    let (mut guest, dir) = Guest::with_dir();
    let path = std::fs::canonicalize(dir.path()).unwrap().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let fd = guest.open_with(3, "fifo", 0, READ, NONBLOCK).unwrap();
    assert_eq!(guest.read(fd, 1), Err(Errno::Again), "nobody writes yet");
    assert_eq!(guest.wasi.freeze(), Err(FreezeError::Pipe { fd: fd as u32, name: path }));
}

/// A guest that had opened `file` when it was frozen, and where that is.
fn with_file(open: u64) -> (Frozen, TempDir) {
    let (mut guest, dir) = Guest::with_dir();
    if open == DIRECTORY {
        std::fs::create_dir(dir.path().join("file")).unwrap();
    }
    guest.open("file", open).unwrap();
    (guest.wasi.freeze().unwrap(), dir)
}

#[test]
fn a_file_that_is_gone_is_named() {
    for open in [CREATE, DIRECTORY] {
        let (frozen, dir) = with_file(open);
        let path = std::fs::canonicalize(dir.path()).unwrap().join("file");
        if open == CREATE {
            std::fs::remove_file(&path).unwrap();
        } else {
            std::fs::remove_dir(&path).unwrap();
        }
        let error = thaw_error(&frozen);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(matches!(error, ThawError::Gone { fd: 4, errno: Errno::NoEnt, .. }), "{error}");
    }
}

#[test]
fn a_file_that_became_something_else_is_named() {
    let swap = |open, change: &dyn Fn(&Path)| {
        let (frozen, dir) = with_file(open);
        let path = dir.path().join("file");
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir(&path);
        change(&path);
        let error = thaw_error(&frozen);
        assert!(matches!(error, ThawError::Changed { fd: 4, .. }), "{error}");
    };
    swap(CREATE, &|path| std::fs::create_dir(path).unwrap());
    swap(DIRECTORY, &|path| std::fs::write(path, "").unwrap());
    swap(CREATE, &|path| std::os::unix::fs::symlink("/etc/passwd", path).unwrap());
}

#[test]
fn directories_of_the_host_can_be_replaced() {
    let (mut frozen, dir) = with_file(CREATE);
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("file"), "other").unwrap();
    let path = std::fs::canonicalize(dir.path()).unwrap();
    assert_eq!(frozen.host_dirs().collect::<Vec<_>>(), [("/", &*path)]);
    drop(dir);
    let error = thaw_error(&frozen);
    assert!(matches!(&error, ThawError::Root { guest, errno: Errno::NoEnt, .. } if guest == "/"), "{error}");
    assert!(!frozen.set_host_dir("/other", other.path()));
    assert!(frozen.set_host_dir("/", other.path()));
    let wasi = frozen.thaw(Streams::default()).unwrap();
    let mut guest = Guest { wasi, memory: vec![0; MEMORY] };
    assert_eq!(guest.read(4, 9).unwrap(), b"other");
}

#[test]
fn files_stay_readable_when_the_directory_given_was_closed() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    guest.write(fd, b"text").unwrap();
    guest.ok("fd_close", &[3]);
    let mut guest = again(guest);
    assert_eq!(guest.pread(fd, 9, 0).unwrap(), b"text");
    assert_eq!(guest.call("fd_prestat_get", &[3, OUT.into()]), Errno::Badf);
}

#[test]
fn later_versions_are_refused() {
    let bytes = Guest::new(Builder::new()).wasi.freeze().unwrap().to_bytes();
    let text = String::from_utf8(bytes).unwrap().replacen("\"version\":2", "\"version\":3,\"new\":0", 1);
    let error = Frozen::from_bytes(text.as_bytes()).unwrap_err();
    assert!(matches!(error, ThawError::Version { found: 3, newest: 2 }), "{error}");
}

#[test]
fn the_first_version_stays_readable() {
    let text = include_bytes!("fixtures/frozen-v1.json");
    let mut frozen = Frozen::from_bytes(text).unwrap();
    assert_eq!(frozen.to_bytes(), text.trim_ascii_end());
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    std::fs::write(dir.path().join("sub/file"), "0123456789").unwrap();
    assert!(frozen.set_host_dir("/", dir.path()));
    let wasi = frozen.thaw(Streams::default()).unwrap();
    let mut guest = Guest { wasi, memory: vec![0; MEMORY] };
    assert_eq!(guest.read(0, 9).unwrap(), b"unread");
    assert_eq!(guest.read(5, 9).unwrap(), b"456789");
    assert_eq!(guest.entries(4, 4096, 2), 28);
    assert_eq!(guest.call("fd_close", &[6]), Errno::Badf);
}

#[test]
fn the_second_version_stays_readable() {
    let text = include_bytes!("fixtures/frozen-v2.json");
    let frozen = Frozen::from_bytes(text).unwrap();
    assert_eq!(frozen.to_bytes(), text.trim_ascii_end());
    let mut guest = Guest { wasi: frozen.thaw(Streams::default()).unwrap(), memory: vec![0; MEMORY] };
    guest.put(0x1000, &[BUFFER.to_le_bytes(), 6_u32.to_le_bytes()].concat());
    guest.ok("fd_read", &[0, 0x1000, 1, OUT.into()]);
    assert_eq!((guest.u32(OUT), guest.bytes(BUFFER, 6)), (6, &b"\0\0unre"[..]), "two were there already");
}

#[test]
fn bytes_that_were_changed_are_an_error_or_a_state() {
    let (mut guest, _dir) = Guest::with_dir();
    guest.open("file", CREATE).unwrap();
    guest.names(3, 4096);
    let bytes = guest.wasi.freeze().unwrap().to_bytes();
    let mut random = fastrand::Rng::with_seed(1);
    let mut thawed = 0;
    for _ in 0..3000 {
        let mut bytes = bytes.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = *random.choice(b"0123456789{}[],:\"\\aft./-").unwrap();
        }
        bytes.truncate(bytes.len() - if random.u8(..8) == 0 { random.usize(..bytes.len()) } else { 0 });
        let state = Frozen::from_bytes(&bytes).and_then(|frozen| frozen.thaw(Streams::default()));
        thawed += usize::from(state.is_ok());
    }
    assert!(thawed > 50, "{thawed}");
}

#[test]
fn read_only_directories_stay_so() {
    let dir = tempfile::tempdir().unwrap();
    let builder = Builder::new().preopened_dir(dir.path(), "/", DirAccess::ReadOnly).unwrap();
    let mut guest = again(Guest::new(builder));
    assert_eq!(guest.open("file", CREATE), Err(Errno::NotCapable));
}
