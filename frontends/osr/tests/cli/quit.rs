//! Ctrl-\ at a terminal, and what happens when a program cannot be frozen.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use midstride_os::signal::{MaskHow, SIGQUIT, SigSet, rt_sigprocmask};

use crate::{Place, midwasm, output};

/// Says that it runs, works, and says a number.
const WORKS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (data (i32.const 64) "running\n")
    (func (export "_start") (local $i i32) (local $x i32)
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (loop $l
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 1500000000))))
      (call $exit (i32.shr_u (local.get $x) (i32.const 25)))))"#;

/// Where the sequence is after so many steps.
fn status() -> i32 {
    let x = (0..1_500_000_000u32).fold(0u32, |x, _| x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    (x >> 25) as i32
}

/// Runs a command at a terminal; `None` where there is no program that has one.
///
/// A shell that stays for the command's end may die of Ctrl-\ itself, as dash does: the command takes its place.
fn at_terminal(command: &str, directory: &Path) -> Option<Child> {
    let mut script = Command::new("script");
    script.args(["-qec", command, "/dev/null"]).env("SHELL", "/bin/sh").current_dir(directory);
    match script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            eprintln!("NOT RUN: no terminal: script: {error}");
            None
        }
    }
}

/// Presses Ctrl-\ when the program runs; what the terminal showed then, and the status.
fn quit(mut child: Child) -> (String, Option<i32>) {
    let mut screen = BufReader::new(child.stdout.take().unwrap());
    let mut keys = child.stdin.take().unwrap();
    let mut shown = String::new();
    while !shown.contains("running") {
        assert!(screen.read_line(&mut shown).unwrap() > 0, "{shown}");
    }
    keys.write_all(b"\x1c").unwrap();
    screen.read_to_string(&mut shown).unwrap();
    (shown, child.wait().unwrap().code())
}

/// Runs the program at a terminal and freezes it to `first`; whether there is a terminal.
fn freeze_at_terminal(place: &Place) -> bool {
    let run = format!("exec {} run --freeze-to first app.wat", env!("CARGO_BIN_EXE_midwasm"));
    let Some(child) = at_terminal(&run, place.directory.path()) else { return false };
    let (shown, status) = quit(child);
    assert!(shown.contains("midwasm: frozen to first ("), "status {status:?}: {shown}");
    assert_eq!(status, Some(0));
    true
}

#[test]
fn ctrl_backslash_is_heard_by_who_was_started_with_the_signal_blocked() {
    let quit = SigSet::EMPTY.with(SIGQUIT);
    // What this thread starts inherits its mask; the thread ends with the test.
    rt_sigprocmask(MaskHow::Block, Some(quit)).unwrap();
    freeze_at_terminal(&Place::new(WORKS));
}

#[test]
fn ctrl_backslash_freezes_a_program_at_a_terminal_and_its_thaw() {
    let place = Place::new(WORKS);
    let program = env!("CARGO_BIN_EXE_midwasm");
    if !freeze_at_terminal(&place) {
        return;
    }
    // The thawed one says nothing: a shell says that it starts.
    let thaw = format!("echo running; exec {program} thaw --freeze-to second first");
    let (shown, status_of_freeze) = quit(at_terminal(&thaw, place.directory.path()).unwrap());
    let last = if shown.contains("midwasm: frozen to second (") { "second" } else { "first" };
    if last == "first" {
        // Ctrl-\ came before the program was there to take it.
        assert_ne!(status_of_freeze, Some(0), "{shown}");
    }
    let (status_of_thaw, stdout, stderr) = output(midwasm().arg("thaw").arg(place.path(last)));
    assert_eq!((status_of_thaw, &*stdout), (status(), ""), "{stderr}");
}

#[test]
fn a_quit_while_the_module_is_read_freezes_the_program_at_its_start() {
    let place = Place::new(WORKS);
    let pipe = place.path("pipe.wat");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = midwasm();
    command.arg("run").arg("--freeze-to").arg(place.path("image")).arg(&pipe);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It is open when the other side has opened it, to read the module.
    let mut module = std::fs::File::options().write(true).open(&pipe).unwrap();
    assert!(Command::new("kill").args(["-QUIT", &child.id().to_string()]).status().unwrap().success());
    module.write_all(WORKS.as_bytes()).unwrap();
    drop(module);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("midwasm: frozen to "), "{}: {said}", output.status);
    assert_eq!(output.stdout, b"", "it had not begun");
}

/// Opens a file, removes it, and works; its status is the file's first byte.
const REMOVES: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (data (i32.const 64) "scratch")
    (func (export "_start") (local $i i32)
      (drop (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 7) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
      (drop (call $unlink (i32.const 3) (i32.const 64) (i32.const 7)))
      (loop $l
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 1000000000))))
      (i32.store (i32.const 0) (i32.const 32)) (i32.store (i32.const 4) (i32.const 1))
      (drop (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 20)))
      (call $exit (i32.load8_u (i32.const 32)))))"#;

#[test]
fn a_program_that_cannot_be_frozen_is_refused_by_what_it_has_open() {
    let place = Place::new(REMOVES);
    std::fs::write(place.path("scratch"), "*").unwrap();
    let mut command = midwasm();
    command.args(["freeze", "--after", "100ms", "-o", "image", "--dir", ".", "app.wat"]);
    let (status, _, stderr) = output(command.current_dir(place.directory.path()));
    assert_eq!(status, 125);
    assert!(stderr.starts_with("midwasm: ") && stderr.contains("scratch"), "{stderr}");
    assert!(!place.path("image").exists());
}

#[test]
fn a_program_that_cannot_be_checkpointed_goes_on() {
    let place = Place::new(REMOVES);
    std::fs::write(place.path("scratch"), "*").unwrap();
    let mut command = midwasm();
    command.args([
        "run",
        "--checkpoint-every",
        "50ms",
        "--checkpoint-dir",
        "points",
        "--dir",
        ".",
        "app.wat",
    ]);
    let (status, _, stderr) = output(command.current_dir(place.directory.path()));
    assert_eq!(status, i32::from(b'*'), "{stderr}");
    let said = stderr.lines().filter(|line| line.starts_with("midwasm: not saved, the program goes on: "));
    assert!(said.clone().count() > 0 && said.clone().all(|line| line.contains("scratch")), "{stderr}");
}
