//! Host functions that are interrupted.

use std::cell::Cell;
use std::rc::Rc;

use midstride_osr::{Caller, Linker, Trap, TrapKind, Val};

use crate::{module, pass_on, run};

/// A host function that says it was interrupted, so many times.
fn interrupted(times: u32) -> (Linker, Rc<Cell<u32>>) {
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let mut linker = Linker::new();
    linker.func_wrap("host", "wait", move |_: Caller<'_>, a: i64, b: f64| -> Result<(f64, i64), Trap> {
        counted.set(counted.get() + 1);
        if counted.get() <= times { Err(TrapKind::Frozen.into()) } else { Ok((b, a)) }
    });
    (linker, calls)
}

const WAITS: &str = r#"(module (import "host" "wait" (func $wait (param i64 f64) (result f64 i64)))
    (func (export "run") (param i32) (result i32 f64 i64)
      (i32.add (local.get 0) (i32.const 1)) (call $wait (i64.const 77) (f64.const 0.5))))"#;

#[test]
fn an_interrupted_host_call_is_made_again_with_the_same_arguments() {
    let module = module(WAITS);
    let (linker, calls) = interrupted(2);
    let instance = linker.instantiate(&module).unwrap();
    let frozen = run(&instance, "run", &[Val::I32(4)]).frozen().unwrap();
    let state = frozen.state().unwrap();
    let call = state.activations[0].host_call.as_ref().unwrap();
    assert_eq!((call.function, call.arguments.len()), (0, 2));
    let thawed = pass_on(&linker, &frozen);
    let again = thawed.resume().unwrap().frozen().unwrap();
    let results = pass_on(&linker, &again).resume().unwrap().results().unwrap();
    assert_eq!(results, [Val::I32(5), Val::from(0.5), Val::I64(77)]);
    assert_eq!(calls.get(), 3);
}

#[test]
fn a_host_function_that_is_imported_twice_is_called_again_by_the_import_that_was_called() {
    let text = r#"(module (type $f (func (param i64 f64) (result f64 i64)))
        (import "host" "wait" (func $first (type $f))) (import "host" "wait" (func $second (type $f)))
        (table funcref (elem $second)) (elem declare func $first)
        (func (export "run") (param i32) (result f64 i64 f64 i64)
          (call $second (i64.const 1) (f64.const 2))
          (call_indirect (type $f) (i64.const 3) (f64.const 4) (local.get 0))))"#;
    let module = module(text);
    let (linker, calls) = interrupted(1);
    let frozen = run(&linker.instantiate(&module).unwrap(), "run", &[Val::I32(0)]).frozen().unwrap();
    let call = frozen.state().unwrap().activations[0].host_call.clone().unwrap();
    assert_eq!(call.function, 1);
    calls.set(0);
    let thawed = pass_on(&linker, &frozen);
    let again = thawed.resume().unwrap().frozen().unwrap();
    let results = pass_on(&linker, &again).resume().unwrap().results().unwrap();
    assert_eq!(results, [Val::from(2.0), Val::I64(1), Val::from(4.0), Val::I64(3)]);
}

#[test]
fn instances_are_frozen_one_by_one() {
    let module = module(r#"(module (func (export "run") (result i32) (i32.const 3)))"#);
    let [a, b] = [0, 1].map(|_| Linker::new().instantiate(&module).unwrap());
    a.freeze_handle().freeze();
    assert!(run(&b, "run", &[]).results().is_some());
    assert!(run(&a, "run", &[]).frozen().is_some());
}
