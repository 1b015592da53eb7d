//! Programs with open files, and programs that wait.

use std::time::{Duration, Instant};

use midstride_osr::{Frozen, Image, Instance, Linker, Module, Outcome, WasiCtx};
use midstride_wasi::{Builder, DirAccess, Exit, MemoryPipe, Stream, Streams};

use crate::module;

const TEXT: &[u8] = b"Some text that is read in pieces, of which the last one is short.";

/// An instance with a host side of its own.
fn instance(module: &Module, builder: Builder) -> (Instance, WasiCtx) {
    let wasi = WasiCtx::new(builder.build().unwrap());
    let mut linker = Linker::new();
    wasi.add_to_linker(&mut linker);
    (linker.instantiate(module).unwrap(), wasi)
}

/// Through bytes, to an instance and a host side that were made of them. The old ones are gone.
fn pass_on(module: &Module, mut frozen: Frozen, wasi: &WasiCtx) -> (Frozen, WasiCtx) {
    wasi.freeze_into(&mut frozen).unwrap();
    let bytes = frozen.image().unwrap().to_bytes().unwrap();
    drop(frozen);
    let image = Image::read(&bytes).unwrap();
    let wasi = WasiCtx::thaw(&image.state.host, Streams::default()).unwrap().unwrap();
    let mut linker = Linker::new();
    wasi.add_to_linker(&mut linker);
    (linker.thaw(module, &image).unwrap(), wasi)
}

#[test]
fn a_program_frozen_at_every_poll_copies_its_file() {
    let module = module(include_str!("../../../../crates/wasi/tests/it/copy.wat"));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in"), TEXT).unwrap();
    let builder = Builder::new()
        .stdout(Stream::Memory(MemoryPipe::new()))
        .preopened_dir(dir.path(), "/", DirAccess::ReadWrite)
        .unwrap();
    let (instance, mut wasi) = instance(&module, builder);
    instance.freeze_handle().freeze_at_poll(1);
    let mut outcome = instance.get_func("_start").unwrap().run(&[]);
    let mut freezes = 0;
    let exit = loop {
        match outcome {
            Ok(Outcome::Frozen(frozen)) => {
                let (thawed, next) = pass_on(&module, frozen, &wasi);
                (wasi, freezes) = (next, freezes + 1);
                thawed.instance().freeze_handle().freeze_at_poll(2);
                outcome = thawed.resume();
            }
            Ok(Outcome::Done(_)) => panic!("it ended without a status"),
            Err(trap) => break WasiCtx::exit_of(&trap).unwrap(),
        }
    };
    assert_eq!(exit, Exit::Process { code: TEXT.len() as u32 });
    assert_eq!(std::fs::read(dir.path().join("out")).unwrap(), TEXT);
    assert!(freezes > 10, "{freezes}");
}

/// Sleeps by the monotonic clock.
const SLEEP: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "sleep") (param $nanoseconds i64) (result i32)
      (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (local.get $nanoseconds))
      (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))"#;

#[test]
fn a_program_frozen_in_its_sleep_sleeps_on_for_the_rest() {
    let module = module(SLEEP);
    let (instance, wasi) = instance(&module, Builder::new());
    let interrupt = wasi.with(|wasi| wasi.interrupt());
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        interrupt.raise();
    });
    let nanoseconds = midstride_osr::Val::I64(600_000_000);
    let start = Instant::now();
    let frozen = instance.get_func("sleep").unwrap().run(&[nanoseconds]).unwrap().frozen().unwrap();
    let slept = start.elapsed();
    other.join().unwrap();
    let (thawed, _wasi) = pass_on(&module, frozen, &wasi);
    let again = Instant::now();
    let results = thawed.resume().unwrap().results().unwrap();
    assert_eq!(results, [midstride_osr::Val::I32(0)]);
    let rest = Duration::from_millis(600).saturating_sub(slept);
    assert!(again.elapsed() + Duration::from_millis(50) >= rest, "too early: {:?}", again.elapsed());
    assert!(slept >= Duration::from_millis(300), "{slept:?}");
}

#[test]
fn a_program_that_would_sleep_for_an_hour_is_frozen_at_once() {
    let module = module(SLEEP);
    let (instance, wasi) = instance(&module, Builder::new());
    wasi.with(|wasi| wasi.interrupt()).raise();
    let hour = midstride_osr::Val::I64(3_600_000_000_000);
    let frozen = instance.get_func("sleep").unwrap().run(&[hour]).unwrap().frozen().unwrap();
    let state = frozen.state().unwrap();
    assert_eq!(state.activations[0].host_call.as_ref().unwrap().arguments.len(), 4);
}

#[test]
fn a_program_of_the_version_before_preview_1_runs() {
    let module = module(
        r#"(module (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
          (func (export "_start") (call $exit (i32.const 7))))"#,
    );
    let (instance, _wasi) = instance(&module, Builder::new());
    let trap = instance.get_func("_start").unwrap().call(&[]).unwrap_err();
    assert_eq!(WasiCtx::exit_of(&trap), Some(Exit::Process { code: 7 }));
}
