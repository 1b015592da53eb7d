//! Host functions and what is imported.

use std::cell::Cell;
use std::rc::Rc;

use midstride_osr::{
    Caller, Global, GlobalType, Instance, Linker, Memory, MemoryType, Mutability, Outcome, Trap, TrapKind,
    Val, ValType,
};
use midstride_osr::{FreezeHandle, Limits};

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
fn what_is_imported_gets_the_image_s_contents() {
    let text = r#"(module (import "a" "g" (global $g (mut i32))) (import "a" "m" (memory 1))
        (func (export "run") (result i32)
          (global.set $g (i32.const 5)) (i32.store (i32.const 12) (i32.const 6))
          (loop) (i32.add (global.get $g) (i32.load (i32.const 12)))))"#;
    let imports = || {
        let mut linker = Linker::new();
        let ty = GlobalType { content: ValType::I32, mutability: Mutability::Var };
        linker.define("a", "g", Global::new(ty, &Val::I32(0)).unwrap());
        let limits = Limits { min: 1, max: None };
        linker.define("a", "m", Memory::new(MemoryType { limits }).unwrap());
        linker
    };
    let instance = imports().instantiate(&module(text)).unwrap();
    let handle: FreezeHandle = instance.freeze_handle();
    handle.freeze_at_poll(2);
    let frozen = run(&instance, "run", &[]).frozen().unwrap();
    let Outcome::Done(results) = pass_on(&imports(), &frozen).resume().unwrap() else {
        panic!("frozen again")
    };
    assert_eq!(results, [Val::I32(11)]);
}

#[test]
fn instances_are_frozen_one_by_one() {
    let module = module(r#"(module (func (export "run") (result i32) (i32.const 3)))"#);
    let [a, b] = [0, 1].map(|_| Linker::new().instantiate(&module).unwrap());
    a.freeze_handle().freeze();
    assert!(run(&b, "run", &[]).results().is_some());
    assert!(run(&a, "run", &[]).frozen().is_some());
}
