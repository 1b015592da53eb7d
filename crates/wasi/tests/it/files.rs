//! `fd_*` of files and streams.

use std::os::fd::OwnedFd;

use midstride_wasi::{Builder, DirAccess, Errno, MemoryPipe, Stream};

use crate::harness::*;

#[test]
fn what_is_written_is_read() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    assert_eq!(guest.write(fd, b"some bytes"), Ok(10));
    assert_eq!(guest.seek(fd, -5, 1), Ok(5));
    assert_eq!(guest.read(fd, 100).unwrap(), b"bytes");
    assert_eq!(guest.read(fd, 100).unwrap(), b"");
    assert_eq!(guest.seek(fd, -1, 0), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::Inval));
    guest.ok("fd_tell", &[fd, OUT.into()]);
    assert_eq!(guest.u64(OUT), 10);
    guest.ok("fd_close", &[fd]);
    assert_eq!(guest.read(fd, 1), Err(Errno::Badf));
    assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"some bytes");
}

#[test]
fn buffers_are_filled_one_after_the_other() {
    let (mut guest, dir) = Guest::with_dir();
    std::fs::write(dir.path().join("file"), "abcdefgh").unwrap();
    let fd = guest.open("file", 0).unwrap();
    let buffers = [(0x5000_u32, 3_u32), (0x6000, 0), (0x5008, 4)];
    let list: Vec<u8> =
        buffers.iter().flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()].concat()).collect();
    guest.put(0x1000, &list);
    guest.ok("fd_read", &[fd, 0x1000, 3, OUT.into()]);
    assert_eq!(guest.u32(OUT), 7);
    assert_eq!(guest.bytes(0x5000, 12), b"abc\0\0\0\0\0defg");
}

#[test]
fn large_transfers_are_whole() {
    let (mut guest, dir) = Guest::with_dir();
    guest.memory.resize(1 << 20, 0);
    let bytes: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    let fd = guest.open("file", CREATE).unwrap();
    assert_eq!(guest.write(fd, &bytes), Ok(300_000));
    assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), bytes);
    assert_eq!(guest.pread(fd, 500_000, 1).unwrap(), bytes[1..]);
}

#[test]
fn offsets_of_one_call_leave_the_files_own() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    guest.write(fd, b"0123456789").unwrap();
    assert_eq!(guest.pread(fd, 3, 4).unwrap(), b"456");
    assert_eq!(guest.pwrite(fd, b"ab", 1), Ok(2));
    assert_eq!(guest.pread(fd, 1, u64::MAX), Err(Errno::Inval));
    guest.ok("fd_tell", &[fd, OUT.into()]);
    assert_eq!(guest.u64(OUT), 10);
    assert_eq!(guest.pread(fd, 99, 0).unwrap(), b"0ab3456789");
}

#[test]
fn append_can_be_set_and_cleared() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open_with(3, "file", CREATE, ALL, APPEND).unwrap();
    guest.write(fd, b"one").unwrap();
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"two").unwrap();
    guest.ok("fd_fdstat_set_flags", &[fd, 0]);
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"O").unwrap();
    assert_eq!(guest.pread(fd, 99, 0).unwrap(), b"Onetwo");
    guest.ok("fd_fdstat_get", &[fd, OUT.into()]);
    assert_eq!((guest.memory[OUT as usize], guest.memory[OUT as usize + 2]), (4, 0));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd, 16]), Errno::NotSup);
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd, 0x100]), Errno::Inval);
}

#[test]
fn sizes_are_set_and_told() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    guest.ok("fd_filestat_set_size", &[fd, 1000]);
    guest.ok("fd_allocate", &[fd, 1000, 500]);
    guest.ok("fd_filestat_get", &[fd, OUT.into()]);
    assert_eq!(guest.u64(OUT + 32), 1500);
    assert_eq!(guest.memory[OUT as usize + 16], 4);
    assert_eq!(guest.u64(OUT + 24), 1);
    assert_eq!(std::fs::metadata(dir.path().join("file")).unwrap().len(), 1500);
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, u64::MAX]), Errno::Inval);
    assert_eq!(guest.call("fd_allocate", &[fd, u64::MAX, 2]), Errno::Fbig);
}

#[test]
fn times_are_set_to_what_was_said() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    guest.ok("fd_filestat_set_times", &[fd, 5_000_000_007, 9_000_000_001, 1 | 4]);
    guest.ok("fd_filestat_get", &[fd, OUT.into()]);
    assert_eq!([guest.u64(OUT + 40), guest.u64(OUT + 48)], [5_000_000_007, 9_000_000_001]);
    guest.ok("fd_filestat_set_times", &[fd, 0, 0, 8]);
    guest.ok("fd_filestat_get", &[fd, OUT.into()]);
    assert_eq!(guest.u64(OUT + 40), 5_000_000_007);
    assert!(guest.u64(OUT + 48) > 1_000_000_000_000_000_000);
    assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 0, 3]), Errno::Inval);
}

#[test]
fn syncs_and_advice_work_on_files() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    guest.ok("fd_sync", &[fd]);
    guest.ok("fd_datasync", &[fd]);
    guest.ok("fd_sync", &[3]);
    guest.ok("fd_advise", &[fd, 0, 100, 3]);
    assert_eq!(guest.call("fd_advise", &[fd, 0, 100, 6]), Errno::Inval);
    assert_eq!(guest.call("fd_advise", &[3, 0, 100, 0]), Errno::Badf);
}

#[test]
fn a_descriptor_moves_to_the_place_of_another() {
    let (mut guest, _dir) = Guest::with_dir();
    let one = guest.open("one", CREATE).unwrap();
    let two = guest.open("two", CREATE).unwrap();
    guest.write(one, b"1").unwrap();
    guest.ok("fd_renumber", &[one, two]);
    assert_eq!(guest.pread(two, 9, 0).unwrap(), b"1");
    assert_eq!(guest.call("fd_close", &[one]), Errno::Badf);
    assert_eq!(guest.call("fd_renumber", &[two, 99]), Errno::Badf);
    guest.ok("fd_renumber", &[two, two]);
    assert_eq!(guest.open("two", 0), Ok(one), "the lowest free number comes next");
}

#[test]
fn rights_can_only_be_given_up() {
    let (mut guest, _dir) = Guest::with_dir();
    let fd = guest.open("file", CREATE).unwrap();
    let (read, seek) = (2, 4);
    guest.ok("fd_fdstat_set_rights", &[fd, read | seek, 0]);
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(guest.call("fd_filestat_get", &[fd, OUT.into()]), Errno::NotCapable);
    assert_eq!(guest.call("fd_fdstat_set_rights", &[fd, ALL, 0]), Errno::NotCapable);
}

#[test]
fn streams_in_memory_go_one_way() {
    let (input, output) = (MemoryPipe::with_bytes(b"in"), MemoryPipe::new());
    let builder = Builder::new().stdin(Stream::Memory(input)).stdout(Stream::Memory(output.clone()));
    let mut guest = Guest::new(builder);
    assert_eq!(guest.read(0, 9).unwrap(), b"in");
    assert_eq!(guest.read(0, 9).unwrap(), b"");
    assert_eq!(guest.write(1, b"out"), Ok(3));
    assert_eq!((guest.write(0, b"x"), guest.read(1, 1)), (Err(Errno::Badf), Err(Errno::Badf)));
    assert_eq!(guest.write(2, b"nowhere"), Ok(7));
    assert_eq!(guest.seek(1, 0, 0), Err(Errno::Spipe));
    assert_eq!(output.contents(), b"out");
}

#[test]
fn pipes_of_the_host_give_what_is_there() {
    let (read, write) = std::io::pipe().unwrap();
    let builder = Builder::new()
        .stdin(Stream::Handle(OwnedFd::from(read)))
        .stdout(Stream::Handle(OwnedFd::from(write)));
    let mut guest = Guest::new(builder);
    guest.ok("fd_fdstat_set_flags", &[0, NONBLOCK]);
    assert_eq!(guest.read(0, 9), Err(Errno::Again));
    assert_eq!(guest.write(1, b"abc"), Ok(3));
    assert_eq!(guest.read(0, 9).unwrap(), b"abc");
    guest.ok("fd_close", &[1]);
    assert_eq!(guest.read(0, 9).unwrap(), b"");
}

#[test]
fn a_full_pipe_takes_what_fits() {
    let (_read, write) = std::io::pipe().unwrap();
    let mut guest = Guest::new(Builder::new().stdout(Stream::Handle(OwnedFd::from(write))));
    guest.memory.resize(1 << 20, 0);
    guest.ok("fd_fdstat_set_flags", &[1, NONBLOCK]);
    assert_eq!(guest.write(1, &[7; 100_000]), Ok(65_536));
    assert_eq!(guest.write(1, &[7; 1]), Err(Errno::Again));
}

#[test]
fn directories_that_are_read_only_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "kept").unwrap();
    let mut guest = Guest::new(Builder::new().preopened_dir(dir.path(), ".", DirAccess::ReadOnly).unwrap());
    assert_eq!(guest.open("file", 0), Err(Errno::NotCapable));
    let fd = guest.open_with(3, "file", 0, READ, 0).unwrap();
    assert_eq!(guest.read(fd, 9).unwrap(), b"kept");
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, 0]), Errno::NotCapable);
    for open in [CREATE, TRUNCATE] {
        assert_eq!(guest.open_with(3, "file", open, READ, 0), Err(Errno::NotCapable));
    }
    let [at, len] = guest.path(0, "file");
    assert_eq!(guest.call("path_unlink_file", &[3, at, len]), Errno::NotCapable);
    assert_eq!(guest.call("path_create_directory", &[3, at, len]), Errno::NotCapable);
    assert_eq!(guest.names(3, 4096), [".", "..", "file"]);
}

#[test]
fn sockets_do_not_exist() {
    let (mut guest, _dir) = Guest::with_dir();
    for (name, args) in [
        ("sock_accept", vec![1, 0, OUT.into()]),
        ("sock_recv", vec![1, 0, 0, 0, 0, 0]),
        ("sock_send", vec![1, 0, 0, 0, 0]),
        ("sock_shutdown", vec![1, 3]),
    ] {
        assert_eq!(guest.call(name, &args), Errno::NotSock, "{name}");
        let missing: Vec<_> = [77].into_iter().chain(args[1..].iter().copied()).collect();
        assert_eq!(guest.call(name, &missing), Errno::Badf, "{name}");
    }
}
