//! `path_*` and `fd_readdir`, and that nothing leads out of a directory.

use std::os::unix::fs::symlink;

use midstride_wasi::{Builder, DirAccess, Errno};
use tempfile::TempDir;

use crate::harness::*;

#[test]
fn directories_are_made_listed_and_removed() {
    let (mut guest, dir) = Guest::with_dir();
    let [at, len] = guest.path(0, "sub");
    guest.ok("path_create_directory", &[3, at, len]);
    assert_eq!(guest.call("path_create_directory", &[3, at, len]), Errno::Exist);
    std::fs::write(dir.path().join("sub/a"), "").unwrap();
    let fd = guest.open("sub", DIRECTORY).unwrap();
    assert_eq!(guest.names(fd, 4096), [".", "..", "a"]);
    assert_eq!(guest.call("path_remove_directory", &[3, at, len]), Errno::NotEmpty);
    let [file, file_len] = guest.path(1, "a");
    guest.ok("path_unlink_file", &[fd, file, file_len]);
    guest.ok("path_remove_directory", &[3, at, len]);
    assert_eq!(guest.open("sub", DIRECTORY), Err(Errno::NoEnt));
}

#[test]
fn entries_come_once_however_small_the_buffer() {
    let (mut guest, dir) = Guest::with_dir();
    let names: Vec<String> = (0..50).map(|index| format!("file-{index:02}")).collect();
    names.iter().for_each(|name| std::fs::write(dir.path().join(name), "").unwrap());
    for bytes in [32, 33, 100, 4096] {
        let found = guest.names(3, bytes);
        assert_eq!(found[..2], [".", ".."]);
        assert_eq!(found[2..], names, "{bytes}");
    }
}

#[test]
fn entries_after_a_cookie_are_those_of_the_first_read() {
    let (mut guest, dir) = Guest::with_dir();
    std::fs::write(dir.path().join("b"), "").unwrap();
    assert_eq!(guest.entries(3, 4096, 0), 24 * 3 + 4);
    std::fs::write(dir.path().join("a"), "").unwrap();
    assert_eq!(guest.entries(3, 4096, 2), 25, "only b");
    assert_eq!(guest.entries(3, 4096, u64::MAX), 0);
    assert_eq!(guest.entries(3, 4096, 0), 24 * 4 + 5);
}

#[test]
fn links_are_followed_when_asked() {
    let (mut guest, dir) = Guest::with_dir();
    std::fs::write(dir.path().join("file"), "12345").unwrap();
    let ([target, target_len], [link, link_len]) = (guest.path(0, "file"), guest.path(1, "link"));
    guest.ok("path_symlink", &[target, target_len, 3, link, link_len]);
    guest.ok("path_filestat_get", &[3, 1, link, link_len, OUT.into()]);
    assert_eq!((guest.memory[OUT as usize + 16], guest.u64(OUT + 32)), (4, 5));
    guest.ok("path_filestat_get", &[3, 0, link, link_len, OUT.into()]);
    assert_eq!(guest.memory[OUT as usize + 16], 7);
    assert_eq!(guest.call("path_filestat_get", &[3, 2, link, link_len, OUT.into()]), Errno::Inval);
    guest.ok("path_readlink", &[3, link, link_len, BUFFER.into(), 3, OUT.into()]);
    assert_eq!((guest.u32(OUT), guest.bytes(BUFFER, 4)), (3, &b"fil\0"[..]));
    guest.ok("path_filestat_set_times", &[3, 1, link, link_len, 7, 8, 5]);
    guest.ok("path_filestat_get", &[3, 1, target, target_len, OUT.into()]);
    assert_eq!([guest.u64(OUT + 40), guest.u64(OUT + 48)], [7, 8]);
}

#[test]
fn files_get_other_names() {
    let (mut guest, dir) = Guest::with_dir();
    std::fs::write(dir.path().join("a"), "same").unwrap();
    let ([a, a_len], [b, b_len]) = (guest.path(0, "a"), guest.path(1, "b"));
    guest.ok("path_link", &[3, 0, a, a_len, 3, b, b_len]);
    assert_eq!(guest.call("path_link", &[3, 1, a, a_len, 3, b, b_len]), Errno::Inval);
    guest.ok("path_unlink_file", &[3, a, a_len]);
    guest.ok("path_rename", &[3, b, b_len, 3, a, a_len]);
    assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"same");
    assert!(!dir.path().join("b").exists());
}

#[test]
fn files_open_as_their_flags_say() {
    let (mut guest, dir) = Guest::with_dir();
    assert_eq!(guest.open("none", 0), Err(Errno::NoEnt));
    guest.open("file", CREATE | EXCLUSIVE).unwrap();
    assert_eq!(guest.open("file", CREATE | EXCLUSIVE), Err(Errno::Exist));
    std::fs::write(dir.path().join("file"), "long").unwrap();
    guest.open("file", TRUNCATE).unwrap();
    assert_eq!(std::fs::metadata(dir.path().join("file")).unwrap().len(), 0);
    assert_eq!(guest.open("file", DIRECTORY), Err(Errno::NotDir));
    assert_eq!(guest.open_with(3, ".", DIRECTORY, ALL, 0), Err(Errno::Isdir));
    assert_eq!(guest.open_with(3, ".", DIRECTORY | CREATE, READ, 0), Err(Errno::Inval));
    assert_eq!(guest.open("file", 16), Err(Errno::Inval));
    let file = guest.open("file", 0).unwrap();
    assert_eq!(guest.open_with(file, "x", 0, READ, 0), Err(Errno::NotDir));
}

#[test]
fn paths_that_are_not_paths_are_refused() {
    let (mut guest, _dir) = Guest::with_dir();
    assert_eq!(guest.open("", 0), Err(Errno::NoEnt));
    assert_eq!(guest.open("a\0b", 0), Err(Errno::Inval));
    let long = "x".repeat(256);
    assert_eq!(guest.open(&long, 0), Err(Errno::NameTooLong));
    assert_eq!(
        guest.call("path_unlink_file", &[3, 0, 5000]),
        Errno::NameTooLong,
        "longer than any path, inside the memory"
    );
}

/// Every way a guest names a path, with one that leads out.
fn escapes(guest: &mut Guest, path: &str) {
    let [at, len] = guest.path(0, path);
    let [inside, inside_len] = guest.path(1, "inside");
    let out = u64::from(OUT);
    for (name, args) in [
        ("path_open", vec![3, 1, at, len, 0, READ, ALL, 0, out]),
        ("path_open", vec![3, 1, at, len, CREATE, ALL, ALL, 0, out]),
        ("path_open", vec![3, 1, at, len, DIRECTORY, READ, ALL, 0, out]),
        ("path_create_directory", vec![3, at, len]),
        ("path_remove_directory", vec![3, at, len]),
        ("path_unlink_file", vec![3, at, len]),
        ("path_filestat_get", vec![3, 1, at, len, out]),
        ("path_filestat_set_times", vec![3, 1, at, len, 0, 0, 10]),
        ("path_link", vec![3, 0, at, len, 3, inside, inside_len]),
        ("path_link", vec![3, 0, inside, inside_len, 3, at, len]),
        ("path_rename", vec![3, at, len, 3, inside, inside_len]),
        ("path_rename", vec![3, inside, inside_len, 3, at, len]),
        ("path_readlink", vec![3, at, len, BUFFER.into(), 100, out]),
        ("path_symlink", vec![inside, inside_len, 3, at, len]),
    ] {
        assert_eq!(guest.call(name, &args), Errno::Perm, "{name} {path}");
    }
}

/// A directory with a secret and, below `inner`, links that lead to it.
fn with_secret() -> TempDir {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    std::fs::write(inner.join("inside"), "").unwrap();
    symlink(outer.path(), inner.join("absolute")).unwrap();
    symlink("..", inner.join("up")).unwrap();
    symlink("up/secret", inner.join("twice")).unwrap();
    outer
}

#[test]
fn no_path_leads_out_of_its_directory() {
    let outer = with_secret();
    let inner = outer.path().join("inner");
    let builder = Builder::new().preopened_dir(inner, "/", DirAccess::ReadWrite).unwrap();
    let mut guest = Guest::new(builder);
    let absolute = outer.path().join("secret");
    for path in ["../secret", absolute.to_str().unwrap(), "up/secret", "absolute/secret"] {
        escapes(&mut guest, path);
    }
    for path in ["twice", "inside/../../secret", "inside/../../inner/inside"] {
        assert!(guest.open_with(3, path, 0, READ, 0).is_err(), "{path}");
    }
    assert_eq!(guest.open_with(3, "..", DIRECTORY, READ, 0), Err(Errno::Perm));
    assert_eq!(std::fs::read(outer.path().join("secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 2);
}

#[test]
fn links_that_lead_out_cannot_be_made() {
    let (mut guest, _dir) = Guest::with_dir();
    let ([target, target_len], [link, link_len]) = (guest.path(0, "/etc"), guest.path(1, "link"));
    assert_eq!(guest.call("path_symlink", &[target, target_len, 3, link, link_len]), Errno::Perm);
    let [target, target_len] = guest.path(0, "../..");
    guest.ok("path_symlink", &[target, target_len, 3, link, link_len]);
    assert_eq!(guest.open_with(3, "link/etc/passwd", 0, READ, 0), Err(Errno::Perm));
}

#[test]
fn given_directories_say_their_names() {
    let (mut guest, _dir) = Guest::with_dir();
    guest.ok("fd_prestat_get", &[3, OUT.into()]);
    assert_eq!([guest.u32(OUT), guest.u32(OUT + 4)], [0, 1]);
    guest.ok("fd_prestat_dir_name", &[3, BUFFER.into(), 9]);
    assert_eq!(guest.bytes(BUFFER, 2), b"/\0");
    assert_eq!(guest.call("fd_prestat_dir_name", &[3, BUFFER.into(), 0]), Errno::NameTooLong);
    let fd = guest.open(".", DIRECTORY).unwrap();
    for fd in [1, 4, fd] {
        assert_eq!(guest.call("fd_prestat_get", &[fd, OUT.into()]), Errno::Badf);
    }
}
