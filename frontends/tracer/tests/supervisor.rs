//! The host's side of an exec: the program under test plays the runtime's part (`programs/exec_request.c`).

mod common;

use std::fs;
use std::mem::offset_of;
use std::path::PathBuf;
use std::sync::OnceLock;

use common::{compile, done, fresh_directory, midtrace};
use midstride_tracer_abi::{Control, Request};

fn requester() -> &'static str {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let at = [
            format!("-DREQUESTS_AT={}", offset_of!(Control, requests)),
            format!("-DREQUEST_BYTES={}", size_of::<Request>()),
            format!("-DDOORBELL_AT={}", offset_of!(Control, doorbell)),
            "-static".to_owned(),
        ];
        compile("exec_request.c", "exec-request", &at.each_ref().map(String::as_str))
    });
    path.to_str().expect("the path is ASCII")
}

fn is_root() -> bool {
    // SAFETY: no memory is touched.
    unsafe { libc::geteuid() == 0 }
}

const CAT_MAPS: [&str; 2] = ["/bin/cat", "/proc/self/maps"];

/// Runs the requester with `words` under midtrace.
fn request(words: &[&str]) -> common::Done {
    done(midtrace(&[&["run", "-q", "-v", requester()], words].concat()))
}

#[test]
fn an_exec_is_followed() {
    let cat = request(&CAT_MAPS);
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert!(cat.stdout.contains("/memfd:midtrace"), "{}", cat.stdout);
}

#[test]
fn an_exec_by_another_thread_is_followed() {
    let cat = request(&[&["thread"], &CAT_MAPS[..]].concat());
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert!(cat.stdout.contains("/memfd:midtrace"), "{}", cat.stdout);
}

#[test]
fn a_chain_of_execs_is_followed_to_its_end() {
    let chain = [requester(), "thread", requester(), requester()];
    let cat = request(&[&chain, &CAT_MAPS[..]].concat());
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert!(cat.stdout.contains("/memfd:midtrace"), "{}", cat.stdout);
}

#[test]
fn a_failed_exec_is_let_go() {
    for words in [&["missing", "/bin/true"][..], &["thread", "missing", "/bin/true"]] {
        let cancelled = request(words);
        assert_eq!((cancelled.status, cancelled.stderr.as_str()), (Some(5), "cancelled\n"), "{words:?}");
    }
}

#[test]
fn another_users_program_gets_the_channel_through_a_socket() {
    if !is_root() {
        eprintln!("NOT RUN: changing the user needs root");
        return;
    }
    let cat = request(&[&["uid=65534"], &CAT_MAPS[..]].concat());
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert!(cat.stdout.contains("/memfd:midtrace"), "{}", cat.stdout);
}

#[test]
fn a_program_in_another_root_gets_the_channel_through_a_socket() {
    if !is_root() {
        eprintln!("NOT RUN: changing the root needs root");
        return;
    }
    let root = fresh_directory("another-root");
    fs::copy(compile("hello.c", "hello-in-root", &["-static"]), root.join("hello")).unwrap();
    let word = format!("root={}", root.display());
    let hello = request(&[&word, "/hello", "x"]);
    assert_eq!((hello.status, hello.stderr.as_str()), (Some(42), ""), "{}", hello.stdout);
}

#[test]
fn a_process_that_is_traced_already_runs_natively() {
    let echo = request(&["traced", "/bin/echo", "natively"]);
    assert_eq!((echo.status, echo.stdout.as_str()), (Some(0), "natively\n"));
    assert!(echo.stderr.contains("is already traced by"), "{}", echo.stderr);
    assert!(echo.stderr.ends_with("refused\n"), "{}", echo.stderr);
}

#[test]
fn many_execs_at_once_are_all_followed() {
    let cat = request(&[&["fan=40"], &CAT_MAPS[..]].concat());
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert_eq!(cat.stdout.matches("/memfd:midtrace").count(), 40);
}
