//! The host's side of an exec: the program under test plays the runtime's part (`programs/exec_request.c`).

mod common;

use std::fs;
use std::mem::offset_of;
use std::os::unix::process::CommandExt;
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
            format!("-DPROOF_AT={}", offset_of!(Request, proof_at)),
            format!("-DDOORBELL_AT={}", offset_of!(Control, doorbell)),
            format!("-DCLOSING_AT={}", offset_of!(Control, closing)),
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
fn a_process_that_is_stopped_before_its_exec_goes_on_to_it() {
    let cat = request(&[&["stopped"], &CAT_MAPS[..]].concat());
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert!(cat.stdout.contains("/memfd:midtrace"), "{}", cat.stdout);
}

#[test]
fn a_signal_before_the_exec_is_handled() {
    for more in [&[][..], &["thread"]] {
        let cat = request(&[&["signalled"], more, &CAT_MAPS].concat());
        assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), "handled\n"));
        assert!(cat.stdout.contains("/memfd:midtrace"), "{}", cat.stdout);
    }
}

#[test]
fn processes_that_outlive_the_program_are_told() {
    let late = request(&["late", "unused"]);
    assert_eq!((late.status, late.stdout.as_str()), (Some(0), "closed\n"));
}

#[test]
fn a_seccomp_filter_of_the_programs_is_suspended_for_a_privileged_host() {
    if !is_root() {
        eprintln!("NOT RUN: suspending a filter needs root");
        return;
    }
    let cat = request(&[&["filtered"], &CAT_MAPS[..]].concat());
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert!(cat.stdout.contains("/memfd:midtrace"), "{}", cat.stdout);
}

#[test]
fn a_seccomp_filter_that_forbids_injection_makes_the_program_run_natively() {
    let mut command = midtrace(&[&["run", "-q", "-v", requester(), "filtered"], &CAT_MAPS[..]].concat());
    if is_root() {
        command.uid(65534).gid(65534).current_dir("/");
    }
    let cat = done(command);
    assert_eq!(cat.status, Some(0), "{}", cat.stderr);
    assert!(cat.stdout.contains("/cat") && !cat.stdout.contains("midtrace"), "{}", cat.stdout);
    assert!(cat.stderr.contains("socketpair in it failed"), "{}", cat.stderr);
}

#[test]
fn many_execs_at_once_are_all_followed() {
    let cat = request(&[&["fan=40"], &CAT_MAPS[..]].concat());
    assert_eq!((cat.status, cat.stderr.as_str()), (Some(0), ""));
    assert_eq!(cat.stdout.matches("/memfd:midtrace").count(), 40);
}
