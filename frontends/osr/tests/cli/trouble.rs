//! What goes wrong around a program, and modules and arguments that are not the usual ones.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::{Place, SPIN, freeze, midwasm, output, spin};

/// Answers a number, or traps.
const ANSWERS: &str = r#"(module (func (export "answer") (result i32) (i32.const 42))
    (func (export "trap") unreachable))"#;

fn invoke(place: &Place, name: &str) -> Command {
    let mut command = midwasm();
    command.args(["run", "--invoke", name]).arg(&place.module);
    command
}

/// Takes nothing.
fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads.
fn unread() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

#[test]
fn an_image_is_not_put_in_the_place_of_what_is_no_file() {
    let place = Place::new(SPIN);
    let name = place.path("socket");
    let _socket = UnixListener::bind(&name).unwrap();
    symlink(&name, place.path("link")).unwrap();
    for name in [name.clone(), place.path("link"), place.directory.path().to_owned()] {
        let (status, _, stderr) = freeze(&place, &name, "1ms", "1000000000");
        assert_eq!(status, 125);
        let reason = "the image could not be written: there is something that is not a file\n";
        assert_eq!(stderr, format!("midwasm: {}: {reason}", name.display()));
    }
    assert!(fs::symlink_metadata(&name).unwrap().file_type().is_socket());
}

#[test]
fn an_image_is_put_where_a_link_leads() {
    let place = Place::new(SPIN);
    fs::create_dir(place.path("images")).unwrap();
    fs::write(place.path("images/one"), "old").unwrap();
    symlink("images/one", place.path("link")).unwrap();
    let (status, _, stderr) = freeze(&place, &place.path("link"), "50ms", "60000000");
    assert_eq!(status, 0, "{stderr}");
    assert!(fs::symlink_metadata(place.path("link")).unwrap().is_symlink());
    let (_, stdout, stderr) = output(midwasm().arg("thaw").arg(place.path("images/one")));
    assert_eq!(stdout, spin(&place, "60000000"), "{stderr}");
}

#[test]
fn a_place_for_an_image_that_is_not_there_is_told_before_the_program_runs() {
    let place = Place::new(ANSWERS);
    let mut command = midwasm();
    command.args(["freeze", "--after", "1m", "--invoke", "trap", "-o"]).arg(place.path("no/image"));
    let (status, _, stderr) = output(command.arg(&place.module));
    assert_eq!(status, 125);
    assert!(
        stderr.ends_with("the image could not be written: No such file or directory (os error 2)\n"),
        "{stderr}"
    );
}

#[test]
fn results_that_cannot_be_printed_are_an_error() {
    let place = Place::new(ANSWERS);
    let mut compile = midwasm();
    compile.arg("compile").arg(&place.module);
    for mut command in [invoke(&place, "answer"), compile] {
        let run = command.stdout(full()).output().unwrap();
        let stderr = String::from_utf8(run.stderr).unwrap();
        assert_eq!(stderr, "midwasm: standard output: No space left on device (os error 28)\n");
        assert_eq!(run.status.code(), Some(125));
        let run = command.stdout(unread()).output().unwrap();
        assert_eq!((run.status.code(), run.stderr), (Some(0), Vec::new()), "who reads has seen enough");
    }
}

#[test]
fn a_trap_is_one_though_nobody_can_be_told() {
    let place = Place::new(ANSWERS);
    for stream in [full().into(), unread()] {
        assert_eq!(invoke(&place, "trap").stderr(stream).status().unwrap().code(), Some(134));
    }
}

#[test]
fn a_reason_is_told_once() {
    let place = Place::new(ANSWERS);
    let mut command = midwasm();
    let (_, _, stderr) = output(command.args(["run", "--dir", "/no/such", "x"]).arg(&place.module));
    assert_eq!(stderr.matches("No such file or directory").count(), 1, "{stderr}");
    fs::write(&place.module, "(module (func").unwrap();
    let (_, _, stderr) = output(&mut invoke(&place, "answer"));
    assert_eq!(stderr.matches("expected `)`").count(), 1, "{stderr}");
}

#[test]
fn a_module_comes_out_of_a_pipe() {
    let mut command = midwasm();
    command.args(["run", "--invoke", "answer", "/dev/stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(ANSWERS.as_bytes()).unwrap();
    let run = child.wait_with_output().unwrap();
    assert_eq!((run.status.code(), &run.stdout[..]), (Some(0), &b"42\n"[..]));
}

/// Writes its second argument.
const ECHO: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (drop (call $args (i32.const 0) (i32.const 64)))
      (i32.store (i32.const 16) (i32.load (i32.const 4))) (i32.store (i32.const 20) (i32.const 3))
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))))"#;

#[test]
fn arguments_are_bytes() {
    let place = Place::new(ECHO);
    let run = midwasm().arg("run").arg(&place.module).arg(OsStr::from_bytes(b"a\xffb")).output().unwrap();
    assert_eq!((run.status.code(), &run.stdout[..], run.stderr), (Some(0), &b"a\xffb"[..], Vec::new()));
}

#[test]
fn a_library_is_initialized_before_its_functions_are_called() {
    let place = Place::new(
        r#"(module (global (mut i32) (i32.const 1))
          (func (export "_initialize") (global.set 0 (i32.const 42)))
          (func (export "answer") (result i32) (global.get 0)))"#,
    );
    let (status, stdout, stderr) = output(&mut invoke(&place, "answer"));
    assert_eq!((status, &*stdout, &*stderr), (0, "42\n", ""));
    fs::write(&place.module, r#"(module (func (export "_initialize") unreachable))"#).unwrap();
    let (status, _, stderr) = output(&mut invoke(&place, "answer"));
    assert_eq!((status, &*stderr), (125, "midwasm: _initialize: unreachable\n"));
}

#[test]
fn numbers_are_given_in_any_form_that_their_bits_have() {
    let place = Place::new(
        r#"(module (func (export "i32") (param i32) (result i32) (local.get 0))
          (func (export "i64") (param i64) (result i64) (local.get 0)))"#,
    );
    let given = |name: &str, number: &str| output(invoke(&place, name).args(["--", number]));
    let numbers = [
        ("i32", "4294967295", "-1"),
        ("i32", "0xffFF", "65535"),
        ("i32", "-2147483648", "-2147483648"),
        ("i32", "-0x10", "-16"),
        ("i64", "0xffffffffffffffff", "-1"),
        ("i64", "-9223372036854775808", "-9223372036854775808"),
        ("i64", "+7", "7"),
    ];
    for (name, number, expected) in numbers {
        let (status, stdout, stderr) = given(name, number);
        assert_eq!((status, stdout.trim_end()), (0, expected), "{stderr}");
    }
    let wrong =
        [("i32", "4294967296"), ("i32", "-2147483649"), ("i64", "18446744073709551616"), ("i32", "0x")];
    for (name, number) in wrong {
        let expected = format!("midwasm: `{number}` is no {name}\n");
        assert_eq!(given(name, number), (125, String::new(), expected));
    }
}

#[test]
fn who_asks_for_a_function_that_is_not_there_is_told_which_are() {
    let place = Place::new(ANSWERS);
    let (status, _, stderr) = output(&mut invoke(&place, "anser"));
    let expected = "midwasm: there is no function `anser`: --invoke can call answer, trap\n";
    assert_eq!((status, &*stderr), (125, expected));
    fs::write(&place.module, "(module (memory (export \"_start\") 1))").unwrap();
    let (status, _, stderr) = output(midwasm().arg("run").arg(&place.module));
    assert_eq!(
        (status, &*stderr),
        (125, "midwasm: there is no function `_start`: the module exports none\n")
    );
}

#[test]
fn who_gives_too_few_arguments_is_told_their_types() {
    let place = Place::new(r#"(module (func (export "f") (param i32 f64)))"#);
    let (status, _, stderr) = output(invoke(&place, "f").arg("1"));
    assert_eq!((status, &*stderr), (125, "midwasm: 2 arguments wanted (i32 f64), 1 given\n"));
}

#[test]
fn an_invalid_module_is_told_by_its_name() {
    let place = Place::new("(module (func (result i32)))");
    for command in ["validate", "run", "compile", "show"] {
        let (status, _, stderr) = output(midwasm().arg(command).arg(&place.module));
        let start = format!("midwasm: {}: invalid module: ", place.module.display());
        assert!(status == 125 && stderr.starts_with(&start), "{command}: {stderr}");
    }
}

#[test]
fn a_time_is_a_number_with_a_unit() {
    let place = Place::new(ANSWERS);
    let freeze = |after: &str| {
        let mut command = midwasm();
        command.args(["freeze", "--invoke", "answer", "--after", after, "-o"]).arg(place.path("image"));
        output(command.arg(&place.module))
    };
    assert_eq!(freeze("0.5h").1, "42\n");
    for (after, reason) in [("5", "a time has a unit"), ("1us", "a time is a number and a unit")] {
        let (status, _, stderr) = freeze(after);
        assert!(status == 2 && stderr.contains(reason), "{stderr}");
    }
}

#[test]
fn a_directory_for_checkpoints_alone_is_an_error() {
    let place = Place::new(ANSWERS);
    let mut command = midwasm();
    command.args(["run", "--invoke", "answer", "--checkpoint-dir"]).arg(place.path("points"));
    let (status, _, stderr) = output(command.arg(&place.module));
    assert!(status == 2 && stderr.contains("--checkpoint-every"), "{stderr}");
    assert!(!place.path("points").exists());
}
