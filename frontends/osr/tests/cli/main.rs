//! The program `midwasm`.

mod blocked;
mod images;
mod kill;
mod quit;
mod show;
mod times;
mod trouble;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Goes round and round; remembers in its memory and in a global how often.
pub(crate) const SPIN: &str = r#"(module (memory 4) (global $turns (mut i64) (i64.const 0))
    (func $mix (param $x i64) (result i64)
      (i64.xor (i64.rotl (i64.mul (local.get $x) (i64.const 0x9e3779b97f4a7c15)) (i64.const 31)) (local.get $x)))
    (func $spin (export "spin") (param $n i32) (result i64) (local $i i32) (local $x i64)
      (local.set $x (i64.const 1))
      (loop $again
        (local.set $x (call $mix (i64.add (local.get $x) (i64.load (i32.and (local.get $i) (i32.const 0x3fff8))))))
        (i64.store (i32.and (local.get $i) (i32.const 0x3fff8)) (local.get $x))
        (global.set $turns (i64.add (global.get $turns) (i64.const 1)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
      (i64.add (local.get $x) (global.get $turns))))"#;

/// A directory with a module in it.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
    pub(crate) module: PathBuf,
}

impl Place {
    pub(crate) fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let module = directory.path().join("app.wat");
        std::fs::write(&module, text).unwrap();
        Self { directory, module }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

pub(crate) fn midwasm() -> Command {
    Command::new(env!("CARGO_BIN_EXE_midwasm"))
}

pub(crate) fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

pub(crate) fn spin(place: &Place, turns: &str) -> String {
    let (status, stdout, stderr) =
        output(midwasm().args(["run", "--invoke", "spin"]).arg(&place.module).arg(turns));
    assert_eq!(status, 0, "{stderr}");
    stdout
}

pub(crate) fn freeze(place: &Place, image: &Path, after: &str, turns: &str) -> (i32, String, String) {
    let mut command = midwasm();
    command.args(["freeze", "--after", after, "--invoke", "spin", "-o"]).arg(image);
    output(command.arg(&place.module).arg(turns))
}

pub(crate) const TURNS: &str = "60000000";

#[test]
fn a_frozen_program_is_shown_and_goes_on_in_another_process() {
    let place = Place::new(SPIN);
    let image = place.path("image");
    let (status, stdout, stderr) = freeze(&place, &image, "60ms", TURNS);
    assert_eq!((status, &*stdout), (0, ""), "{stderr}");
    assert!(stderr.contains("frozen to "), "{stderr}");

    let (status, stdout, _) = output(midwasm().arg("inspect").arg(&image));
    assert_eq!(status, 0);
    assert!(stdout.starts_with("#0 "), "{stdout}");
    for part in ["spin (function 1) + 0x", "locals: i32:60000000 i32:", "global 0: i64:", "memory 0: 4 pages"]
    {
        assert!(stdout.contains(part), "{part} is not in {stdout}");
    }
    let (_, json, _) = output(midwasm().args(["inspect", "--json"]).arg(&image));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let frames = json["frames"].as_array().unwrap();
    let oldest = frames.last().unwrap();
    assert_eq!((&oldest["name"], &oldest["locals"][0]["value"]), (&"spin".into(), &"60000000".into()));

    let (status, stdout, stderr) = output(midwasm().arg("thaw").arg(&image));
    assert_eq!((status, stdout), (0, spin(&place, TURNS)), "{stderr}");
}

#[test]
fn a_program_that_ends_before_is_not_frozen() {
    let place = Place::new(SPIN);
    let image = place.path("image");
    let (status, stdout, stderr) = freeze(&place, &image, "1m", "100");
    assert_eq!((status, stdout), (0, spin(&place, "100")));
    assert!(stderr.contains("the program ended before it was frozen"), "{stderr}");
    assert!(!image.exists());
}

#[test]
fn the_status_of_a_program_that_ends_before_is_kept() {
    let place = Place::new(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory 1)
          (func (export "_start") (call $exit (i32.const 7))))"#,
    );
    let mut command = midwasm();
    command.args(["freeze", "--after", "1m", "-o"]).arg(place.path("image")).arg(&place.module);
    let (status, _, stderr) = output(&mut command);
    assert_eq!(status, 7, "{stderr}");
}

#[test]
fn a_trap_shows_its_reason_and_frames_with_locals() {
    let place = Place::new(
        r#"(module (memory 1) (func $peek (param i32) (result i32) (i32.load offset=8 (local.get 0)))
          (func (export "run") (result i32) (local f64) (i32.add (i32.const 3) (call $peek (i32.const 70000)))))"#,
    );
    let (status, _, stderr) = output(midwasm().args(["run", "--invoke", "run"]).arg(&place.module));
    assert_eq!(status, 134);
    let expected = "midwasm: trap: out of bounds memory access\n\
        #0 peek (function 0) + 0x3, trap\n    locals: i32:70000\n    operands: i32:70000\n\
        #1 function 1 + 0x9, call\n    locals: f64:0.0\n    operands: i32:3\n";
    assert_eq!(stderr, expected);
}

#[test]
fn an_altered_image_is_refused_with_the_reason() {
    let place = Place::new(SPIN);
    let image = place.path("image");
    freeze(&place, &image, "60ms", TURNS);
    let mut bytes = std::fs::read(&image).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&image, bytes).unwrap();
    let (status, _, stderr) = output(midwasm().arg("thaw").arg(&image));
    assert_eq!(status, 125);
    assert!(stderr.starts_with("midwasm: checksum of memory 0 from page "), "{stderr}");
}
