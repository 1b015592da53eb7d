//! Frozen while it waits for the host.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::{Place, midwasm, output};

/// Waits for three seconds by its clock; its status is how many events came.
const SLEEPS: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (i32.store8 (i32.const 8) (i32.const 0))
      (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (i64.const 3000000000))
      (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))
      (call $exit (i32.load (i32.const 200)))))"#;

#[test]
fn a_wait_goes_on_with_the_time_that_is_left() {
    let place = Place::new(SLEEPS);
    let image = place.path("image");
    let begun = Instant::now();
    let mut command = midwasm();
    command.args(["freeze", "--after", "1500ms", "-o"]).arg(&image).arg(&place.module);
    let (status, _, stderr) = output(&mut command);
    assert_eq!(status, 0, "{stderr}");
    let (_, shown, _) = output(midwasm().arg("inspect").arg(&image));
    assert!(
        shown.starts_with("   host poll (function 0), arguments: i32:0 i32:100 i32:1 i32:200\n"),
        "{shown}"
    );
    let thawed = Instant::now();
    let (status, _, stderr) = output(midwasm().arg("thaw").arg(&image));
    assert_eq!(status, 1, "{stderr}");
    assert!(begun.elapsed() >= Duration::from_secs(3), "too early: {:?}", begun.elapsed());
    // Half of the time was over; a machine that is busy has more than a second to notice.
    assert!(thawed.elapsed() < Duration::from_millis(2800), "waited from the start: {:?}", thawed.elapsed());
}

/// Reads from its standard input and ends with the first byte as its status.
const READS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (call $exit (i32.load8_u (i32.const 64)))))"#;

#[test]
fn a_read_that_blocks_is_frozen_and_made_again() {
    let place = Place::new(READS);
    let image = place.path("image");
    let mut command = midwasm();
    command.args(["freeze", "--after", "100ms", "-o"]).arg(&image).arg(&place.module).stdin(Stdio::piped());
    // Its end of the pipe stays open until the process has ended.
    let mut child = command.spawn().unwrap();
    let open = child.stdin.take();
    assert!(child.wait().unwrap().success());
    drop(open);
    let mut child = midwasm().arg("thaw").arg(&image).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"*").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(i32::from(b'*')));
}
