//! What the command line says and answers.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use common::{Done, compile, done, fresh_directory, midtrace, native};

fn file(directory: &Path, name: &str, contents: &[u8], mode: u32) -> String {
    let path = directory.join(name);
    fs::write(&path, contents).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The head of an ELF executable.
fn elf(class: u8, machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
    bytes[16] = 2;
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes
}

/// A program that cannot be started: one line from midtrace that holds `what`, and `status`, which is what
/// a shell answers.
fn assert_refused(program: &str, what: &str, status: i32) {
    let refused = done(midtrace(&["run", "--", program]));
    let shell = done(native(&["sh", "-c", &format!("{program}; exit")]));
    assert_eq!(refused.status, Some(status), "{}", refused.stderr);
    assert_eq!(shell.status, Some(status), "the shell: {}", shell.stderr);
    assert!(refused.stderr.starts_with("midtrace: ") && refused.stderr.contains(what), "{}", refused.stderr);
    assert_eq!((refused.stderr.lines().count(), refused.stdout.as_str()), (1, ""));
}

#[test]
fn what_cannot_be_found_is_127() {
    let directory = fresh_directory("not-found");
    let loader = directory.join("no-loader");
    fs::copy(compile("hello.c", "hello-no-loader", &["-Wl,--dynamic-linker=/no/such/loader"]), &loader)
        .unwrap();
    let script = file(&directory, "script", b"#! /no/such/interpreter -x\n", 0o755);
    assert_refused(&script, "bad interpreter /no/such/interpreter: No such file", 127);
    assert_refused("no-such-program-anywhere", "command not found", 127);
    assert_refused("./no/such/file", "no such file", 127);
    assert_refused(loader.to_str().unwrap(), "dynamic loader", 127);
}

#[test]
fn what_cannot_be_executed_is_126() {
    let directory = fresh_directory("not-executable");
    assert_refused(&file(&directory, "plain", b"text", 0o644), "permission denied", 126);
    assert_refused("/usr", "is a directory", 126);
    let script = file(&directory, "script", b"#!/etc/passwd\n", 0o755);
    assert_refused(&script, "bad interpreter /etc/passwd", 126);
    assert_refused(&file(&directory, "arm", &elf(2, 183), 0o755), "another machine", 126);
}

#[test]
fn a_file_of_no_known_format_is_126_and_not_guessed_to_be_a_script() {
    let directory = fresh_directory("unknown-format");
    let unknown = file(&directory, "unknown", b"echo a shell would run this\n", 0o755);
    let refused = done(midtrace(&["run", &unknown]));
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(126), ""));
    assert!(refused.stderr.contains("#!/bin/sh"), "{}", refused.stderr);
}

/// From here on `ptrace` answers EPERM, as in a container that forbids it.
fn forbid_ptrace() -> std::io::Result<()> {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut code = [
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_EQUAL, 0, 1, libc::SYS_ptrace as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which lives across the calls.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[test]
fn without_permission_to_trace_nothing_runs() {
    let mut command = midtrace(&["run", "sh", "-c", "echo ran"]);
    // SAFETY: the closure makes system calls only, on its own stack.
    unsafe { command.pre_exec(forbid_ptrace) };
    let refused = done(command);
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(126), ""));
    assert!(refused.stderr.starts_with("midtrace: no permission to trace"), "{}", refused.stderr);
    assert_eq!(refused.stderr.lines().count(), 1);
}

#[test]
fn wrong_words_are_midtraces_own_failure() {
    for words in [&["fly", "--", "ls"][..], &["run"], &["run", "--cache-size", "many", "ls"], &[]] {
        let refused = done(midtrace(words));
        assert_eq!(
            (refused.status, refused.stdout.as_str()),
            (Some(125), ""),
            "{words:?}: {}",
            refused.stderr
        );
    }
}

#[test]
fn help_and_version_are_no_failure() {
    for words in [&["--help"][..], &["cov", "--help"], &["--version"]] {
        let help = done(midtrace(words));
        assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""), "{words:?}");
        assert!(help.stdout.contains("midtrace"));
    }
}

#[test]
fn the_summary_comes_on_standard_error_behind_the_program() {
    let words = ["run", "sh", "-c", "echo out; echo err >&2; exit 4"];
    let Done { status, stdout, stderr, .. } = done(midtrace(&words));
    assert_eq!((status, stdout.as_str()), (Some(4), "out\n"));
    assert!(stderr.starts_with("err\nmidtrace: sh exited with 4 after "), "{stderr}");
    assert!(!stderr.contains('\x1b'), "colour without a terminal: {stderr:?}");
}

#[test]
fn quiet_and_output_silence_it() {
    let directory = fresh_directory("quiet");
    let path = directory.join("out").to_str().unwrap().to_owned();
    for (words, empty) in [
        (vec!["run", "-q", "true"], true),
        (vec!["run", "-o", &path, "true"], false),
        (vec!["cov", "-q", "-o", &path, "true"], false),
        (vec!["cov", "-o", &path, "true"], false),
        (vec!["count", "--json", "-o", &path, "true"], false),
    ] {
        drop(fs::remove_file(&path));
        let quiet = done(midtrace(&words));
        assert_eq!((quiet.status, quiet.stderr.as_str()), (Some(0), ""), "{words:?}");
        assert_eq!(fs::read(&path).map_or(true, |bytes| bytes.is_empty()), empty, "{words:?}");
    }
}

#[test]
fn coverage_goes_to_a_file_named_after_program_and_process() {
    let directory = fresh_directory("default-name");
    let mut command = midtrace(&["cov", "/bin/true"]);
    command.current_dir(&directory);
    let summary = done(command);
    let names: Vec<PathBuf> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    let name = names[0].file_name().unwrap().to_str().unwrap();
    assert!(names.len() == 1 && name.starts_with("midtrace.true.") && name.ends_with(".drcov"), "{names:?}");
    assert!(summary.stderr.contains(name), "{}", summary.stderr);
    assert!(fs::read(&names[0]).unwrap().starts_with(b"DRCOV VERSION: 2\n"));
}

#[test]
fn json_is_one_object() {
    let json = done(midtrace(&["count", "--json", "--stats", "sh", "-c", "exit 3"])).stderr;
    let value: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
    assert_eq!(value["ending"]["exited"], 3);
    assert_eq!(value["mode"], "count");
    assert_eq!(value["command"], serde_json::json!(["sh", "-c", "exit 3"]));
    assert!(value["counters"]["blocks_built"].is_u64());
}

#[test]
fn a_report_that_cannot_be_written_does_not_change_the_exit_status() {
    let failed = done(midtrace(&["cov", "-o", "/no/such/directory/x", "sh", "-c", "exit 6"]));
    assert_eq!(failed.status, Some(6));
    assert!(failed.stderr.starts_with("midtrace: /no/such/directory/x: "), "{}", failed.stderr);
}
