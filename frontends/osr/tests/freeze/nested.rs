//! Code under which there are frames that cannot be frozen: the host's, or another instance's.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use midstride_osr::{Caller, FreezeError, Instance, Linker, Module, Outcome, Trap, TrapKind, Val, WasiCtx};
use midstride_wasi::Builder;

use crate::{module, pass_on, run};

/// `run` calls the host, which calls `again`, which calls the host.
const TEXT: &str = r#"(module
    (import "host" "back" (func $back (param i32) (result i32)))
    (import "host" "wait" (func $wait (param i32) (result i32)))
    (global $calls (export "calls") (mut i32) (i32.const 0))
    (func (export "again") (param i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (call $wait (local.get 0)))
    (func (export "run") (param i32) (result i32) (i32.add (call $back (local.get 0)) (i32.const 1))))"#;

/// Calls `again` of who calls.
fn back(caller: Caller<'_>, n: i32) -> Result<i32, Trap> {
    let instance: &Instance = caller.instance().ok_or(TrapKind::Host)?;
    instance.get_typed_func::<i32, i32>("again").map_err(Trap::host)?.call(n)
}

#[test]
fn while_the_host_calls_back_a_freeze_waits() {
    let text = r#"(module (import "host" "back" (func $back (param i32) (result i32)))
        (func (export "twice") (param i32) (result i32) (local i32)
          (loop $l (local.set 1 (i32.add (local.get 1) (local.get 0)))
            (br_if $l (i32.lt_s (local.get 1) (i32.mul (local.get 0) (i32.const 2)))))
          (local.get 1))
        (func $id (param i32) (result i32) (local.get 0))
        (func (export "run") (param i32) (result i32) (call $id (call $back (local.get 0)))))"#;
    let mut linker = Linker::new();
    linker.func_wrap("host", "back", |caller: Caller<'_>, n: i32| -> Result<i32, Trap> {
        let instance: &Instance = caller.instance().ok_or(TrapKind::Host)?;
        instance.freeze_handle().freeze();
        let twice = instance.get_typed_func::<i32, i32>("twice").map_err(Trap::host)?;
        twice.call(n)
    });
    let instance = linker.instantiate(&module(text)).unwrap();
    let frozen = run(&instance, "run", &[Val::I32(21)]).frozen().unwrap();
    assert_eq!(frozen.state().unwrap().frames().count(), 2);
    let results = pass_on(&linker, &frozen).resume().unwrap().results().unwrap();
    assert_eq!(results, [Val::I32(42)]);
}

#[test]
fn a_call_that_is_left_to_freeze_under_the_host_is_refused_by_the_import_s_name() {
    let mut linker = Linker::new();
    linker.func_wrap("host", "back", back);
    linker.func_wrap("host", "wait", |_: i32| -> Result<i32, Trap> { Err(TrapKind::Frozen.into()) });
    let instance = linker.instantiate(&module(TEXT)).unwrap();
    let trap = instance.get_func("run").unwrap().run(&[Val::I32(1)]).unwrap_err();
    let error = trap.host_error().and_then(|error| error.downcast_ref::<FreezeError>()).unwrap();
    assert!(matches!(error, FreezeError::Nested { import: Some(_) }));
    assert_eq!(trap.to_string(), "the code was called through host.back, whose own frames cannot be frozen");
    // Both entries are in the backtrace, and both called once.
    assert_eq!(trap.frames().iter().map(|frame| frame.function).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(instance.get_global("calls").unwrap().get(), Val::I32(1));
}

#[test]
fn what_fails_under_a_host_function_that_goes_on_is_not_found_afterwards() {
    let mut linker = Linker::new();
    linker.func_wrap("host", "back", |caller: Caller<'_>, n: i32| back(caller, n).unwrap_or(40));
    linker.func_wrap("host", "wait", |_: i32| -> Result<i32, Trap> { Err(TrapKind::Frozen.into()) });
    let instance = linker.instantiate(&module(TEXT)).unwrap();
    assert_eq!(run(&instance, "run", &[Val::I32(1)]).results().unwrap(), [Val::I32(41)]);
    assert!(instance.frozen().state().unwrap().activations.is_empty());
}

#[test]
fn a_host_function_that_asks_for_the_state_is_refused_by_its_name() {
    let said = Rc::new(RefCell::new(String::new()));
    let heard = said.clone();
    let mut linker = Linker::new();
    linker.func_wrap("host", "back", |n: i32| n).func_wrap("host", "wait", |n: i32| n);
    linker.func_wrap("host", "back", move |caller: Caller<'_>, n: i32| {
        let error = caller.instance().unwrap().frozen().image().unwrap_err();
        heard.replace(error.to_string());
        n
    });
    let instance = linker.instantiate(&module(TEXT)).unwrap();
    run(&instance, "run", &[Val::I32(1)]);
    assert_eq!(*said.borrow(), "the instance is running: it has called host.back");
    instance.frozen().image().unwrap();
}

#[test]
fn another_instance_s_code_is_not_frozen_in_the_middle() {
    let inner = module(
        r#"(module (import "host" "wait" (func $wait (param i32) (result i32)))
          (func (export "f") (param i32) (result i32) (call $wait (local.get 0))))"#,
    );
    let outer = module(
        r#"(module (import "inner" "f" (func $f (param i32) (result i32)))
          (func (export "run") (param i32) (result i32) (call $f (local.get 0))))"#,
    );
    let mut linker = Linker::new();
    linker.func_wrap("host", "wait", |caller: Caller<'_>, n: i32| -> Result<i32, Trap> {
        if caller.can_be_frozen() { Err(TrapKind::Frozen.into()) } else { Ok(n) }
    });
    let inner = linker.instantiate(&inner).unwrap();
    linker.instance("inner", &inner);
    let outer = linker.instantiate(&outer).unwrap();
    inner.freeze_handle().freeze();
    assert_eq!(run(&outer, "run", &[Val::I32(5)]).results().unwrap(), [Val::I32(5)]);
    assert!(inner.get_func("f").unwrap().run(&[Val::I32(6)]).unwrap().frozen().is_some());
}

/// Sleeps for the time it is given, called by a host function.
const SLEEPER: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "host" "back" (func $back (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "again") (param i32) (result i32)
      (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (i64.mul (i64.extend_i32_u (local.get 0)) (i64.const 1000000)))
      (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
    (func $after (param i32) (result i32) (i32.add (local.get 0) (i32.const 3)))
    (func (export "run") (param i32) (result i32) (call $after (call $back (local.get 0)))))"#;

fn sleeper(module: &Module) -> (Linker, Instance) {
    let wasi = WasiCtx::new(Builder::new().build().unwrap());
    let mut linker = Linker::new();
    wasi.add_to_linker(&mut linker);
    linker.func_wrap("host", "back", back);
    let instance = linker.instantiate(module).unwrap();
    let interrupt = wasi.with(|wasi| wasi.interrupt());
    instance.freeze_handle().on_freeze(move || interrupt.raise());
    (linker, instance)
}

#[test]
fn a_wait_under_the_host_goes_on_and_the_freeze_comes_afterwards() {
    let module = module(SLEEPER);
    let (linker, instance) = sleeper(&module);
    let handle = instance.freeze_handle();
    let (ready, begun) = mpsc::channel();
    let other = std::thread::spawn(move || {
        begun.recv().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        handle.freeze();
    });
    ready.send(()).unwrap();
    let start = std::time::Instant::now();
    let Outcome::Frozen(frozen) = run(&instance, "run", &[Val::I32(300)]) else { panic!("not frozen") };
    assert!(start.elapsed() >= Duration::from_millis(300));
    other.join().unwrap();
    let results = pass_on(&linker, &frozen).resume().unwrap().results().unwrap();
    assert_eq!(results, [Val::I32(3)]);
}

#[test]
fn a_start_function_is_not_frozen() {
    let text = r#"(module (import "host" "wait" (func $wait)) (start $start)
        (func $start (call $wait) (loop)) (func (export "run") (result i32) (i32.const 8)))"#;
    let mut linker = Linker::new();
    linker.func_wrap("host", "wait", |caller: Caller<'_>| {
        assert!(!caller.can_be_frozen());
        caller.instance().unwrap().freeze_handle().freeze();
    });
    let instance = linker.instantiate(&module(text)).unwrap();
    let frozen = run(&instance, "run", &[]).frozen().unwrap();
    assert_eq!(frozen.resume().unwrap().results().unwrap(), [Val::I32(8)]);
}
