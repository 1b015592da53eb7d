//! References in locals, operands, tables and globals, and those that cannot be frozen.

use midstride_osr::{
    ExternRef, Func, Global, GlobalType, Instance, Linker, Mutability, TrapKind, Val, ValType,
};

use crate::{instance, module, pass_on, run, run_in_pieces};

/// Each function and each reference comes through a place of each kind, below a call and a loop.
const EVERYWHERE: &str = r#"(module (type $f (func (param i32) (result i32)))
    (import "host" "add" (func $add (type $f)))
    (table $t 4 funcref) (table $x 3 externref) (elem declare func $own $add)
    (elem $passive funcref (ref.func $own) (ref.null func))
    (global $g (mut funcref) (ref.null func)) (global $h (mut externref) (ref.null extern))
    (func $own (type $f) (i32.mul (local.get 0) (i32.const 10)))
    (func $through (param funcref externref i32) (result funcref externref externref)
        (local $f funcref) (local $e externref)
      (local.set $f (local.get 0)) (local.set $e (local.get 1))
      (local.get $f) (local.get $e)
      (loop $l (param funcref externref) (result funcref externref)
        (global.set $h (local.get $e))
        (table.set $x (i32.const 2) (global.get $h))
        (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
        (br_if $l (local.get 2)))
      (table.get $x (i32.const 2)))
    (func (export "run") (param externref) (result i32 i32 externref externref i32) (local funcref)
      (table.init $t $passive (i32.const 2) (i32.const 0) (i32.const 1)) (elem.drop $passive)
      (table.fill $x (i32.const 0) (local.get 0) (i32.const 2))
      (call $through (ref.func $add) (table.get $x (i32.const 1)) (i32.const 2))
      (drop) (drop) (global.set $g)
      (table.set $t (i32.const 0) (global.get $g))
      (local.set 1 (table.get $t (i32.const 2)))
      (table.set $t (i32.const 1) (local.get 1))
      (call_indirect $t (type $f) (i32.const 4) (i32.const 0))
      (call_indirect $t (type $f) (i32.const 4) (i32.const 1))
      (call $through (ref.null func) (table.get $x (i32.const 0)) (i32.const 3))
      (local.set 0) (drop (ref.is_null)) (drop) (local.get 0) (global.get $h)
      (ref.is_null (table.get $t (i32.const 3)))))"#;

#[test]
fn references_are_what_they_were_in_every_place() {
    let text = EVERYWHERE.replace("(drop (ref.is_null)) (drop)", "(drop) (drop)");
    let mut linker = Linker::new();
    linker.func_wrap("host", "add", |n: i32| n + 1);
    let host = Val::ExternRef(Some(ExternRef::new(17)));
    let instance = linker.instantiate(&module(&text)).unwrap();
    let (last, results, pieces) = run_in_pieces(&linker, instance, std::slice::from_ref(&host));
    assert_eq!(results, [Val::I32(5), Val::I32(40), host.clone(), host, Val::I32(1)]);
    assert!(pieces > 8, "{pieces}");
    let state = last.frozen().state().unwrap();
    assert_eq!(state.dropped_elements, [0, 1]);
}

/// Frozen with a function of the host's in one place, which the module does not import.
fn refused(text: &str, params: &[Val]) -> String {
    let instance = instance(text);
    instance.freeze_handle().freeze_at_poll(2);
    let frozen = run(&instance, "run", params).frozen().unwrap();
    let error = frozen.image().unwrap_err().to_string();
    // It can still go on where it is.
    assert!(frozen.resume().unwrap().results().is_some());
    error
}

#[test]
fn a_function_that_is_not_imported_is_refused_by_its_place() {
    let foreign = [Val::FuncRef(Some(Func::wrap(|| ())))];
    let places = [
        ("(func (export \"run\") (param funcref) (loop))", "a frame of function 0"),
        (
            "(func (export \"run\") (param funcref) (local funcref) (local.get 0)
              (local.set 0 (local.get 1)) (loop) (drop))",
            "a frame of function 0",
        ),
        (
            "(global i32 (i32.const 1)) (global $g (mut funcref) (ref.null func))
             (func (export \"run\") (param funcref) (local funcref)
              (global.set $g (local.get 0)) (local.set 0 (local.get 1)) (loop))",
            "global 1",
        ),
        (
            "(table 1 funcref) (table $t 5 funcref) (func (export \"run\") (param funcref) (local funcref)
              (table.set $t (i32.const 3) (local.get 0)) (local.set 0 (local.get 1)) (loop))",
            "element 3 of table 1",
        ),
    ];
    for (body, place) in places {
        let expected = format!("{place} has a function that the instance does not import");
        assert_eq!(refused(&format!("(module {body})"), &foreign), expected);
    }
}

#[test]
fn a_host_call_with_a_function_that_is_not_imported_is_refused_by_its_place() {
    let text = r#"(module (import "host" "wait" (func $wait (param funcref)))
        (func (export "run") (param funcref) (local funcref)
          (local.get 0) (local.set 0 (local.get 1)) (call $wait)))"#;
    let mut linker = Linker::new();
    linker.func_wrap("host", "wait", |_: Option<Func>| -> Result<(), midstride_osr::Trap> {
        Err(TrapKind::Frozen.into())
    });
    let instance = linker.instantiate(&module(text)).unwrap();
    let foreign = Val::FuncRef(Some(Func::wrap(|| ())));
    let frozen = run(&instance, "run", &[foreign]).frozen().unwrap();
    let error = frozen.image().unwrap_err().to_string();
    assert_eq!(error, "a call in function 1 has a function that the instance does not import");
}

/// Puts its function into a global of another's.
fn giver(linker: &Linker) -> Instance {
    let text = r#"(module (import "owner" "g" (global $g (mut funcref))) (elem declare func $f)
        (func $f (result i32) (i32.const 6))
        (func (export "run") (loop) (global.set $g (ref.func $f))))"#;
    linker.instantiate(&module(text)).unwrap()
}

fn called(global: &Global) -> Vec<Val> {
    let Val::FuncRef(Some(func)) = global.get() else { panic!("null") };
    func.call(&[]).unwrap()
}

#[test]
fn a_function_in_another_s_global_outlives_its_instance() {
    let owner = instance(r#"(module (global (export "g") (mut funcref) (ref.null func)))"#);
    let global = owner.get_global("g").unwrap();
    drop(owner);
    let own = GlobalType { content: ValType::FuncRef, mutability: Mutability::Var };
    for global in [global, Global::new(own, &Val::FuncRef(None)).unwrap()] {
        let mut linker = Linker::new();
        linker.define("owner", "g", global.clone());
        run(&giver(&linker), "run", &[]);
        assert_eq!(called(&global), [Val::I32(6)]);
        // Also that of an instance that was thawed.
        global.set(&Val::FuncRef(None)).unwrap();
        let instance = giver(&linker);
        instance.freeze_handle().freeze_at_poll(2);
        let frozen = run(&instance, "run", &[]).frozen().unwrap();
        pass_on(&linker, &frozen).resume().unwrap();
        drop((frozen, instance));
        assert_eq!(called(&global), [Val::I32(6)]);
    }
}

#[test]
fn a_function_that_the_host_assigns_to_a_global_outlives_the_handle() {
    let owner = instance(
        r#"(module (type $f (func (result i32))) (global $g (export "g") (mut funcref) (ref.null func)) (table 1 funcref)
          (func (export "run") (result i32) (table.set (i32.const 0) (global.get $g))
            (call_indirect (type $f) (i32.const 0))))"#,
    );
    let given = Val::FuncRef(Some(Func::wrap(|| 11)));
    owner.get_global("g").unwrap().set(&given).unwrap();
    drop(given);
    assert_eq!(run(&owner, "run", &[]).results().unwrap(), [Val::I32(11)]);
}
