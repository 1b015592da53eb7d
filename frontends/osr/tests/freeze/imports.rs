//! Globals, memories and tables that are imported.

use midstride_osr::{
    ExternRef, FreezeHandle, Func, Global, GlobalType, Limits, Linker, Memory, MemoryType, Mutability,
    Outcome, Table, TableType, Val, ValType,
};

use crate::{module, pass_on, run, run_in_pieces};

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

fn global(value: &Val, mutability: Mutability) -> Global {
    Global::new(GlobalType { content: value.ty(), mutability }, value).unwrap()
}

fn memory(min: u32) -> Memory {
    Memory::new(MemoryType { limits: Limits { min, max: Some(8) } }).unwrap()
}

/// Globals of all kinds; all are used before a freeze and after it.
const GLOBALS: &str = r#"(module
    (import "a" "constant" (global $constant i64)) (import "a" "vector" (global $vector (mut v128)))
    (import "a" "extern" (global $extern (mut externref))) (import "a" "func" (global $func (mut funcref)))
    (global $own f64 (f64.const 2.5)) (table $t 1 funcref) (type $f (func (result i32)))
    (elem declare func $seven)
    (func $seven (type $f) (i32.const 7))
    (func (export "run") (param externref) (result i64 v128 externref i32 f64) (local i64)
      (local.set 1 (global.get $constant))
      (global.set $vector (i32x4.splat (i32.const 9)))
      (global.set $extern (local.get 0)) (local.set 0 (ref.null extern))
      (global.set $func (ref.func $seven))
      (loop)
      (table.set $t (i32.const 0) (global.get $func))
      (i64.add (local.get 1) (global.get $constant)) (global.get $vector) (global.get $extern)
      (call_indirect (type $f) (i32.const 0)) (global.get $own)))"#;

fn globals(constant: i64) -> Linker {
    let mut linker = Linker::new();
    linker
        .define("a", "constant", global(&Val::I64(constant), Mutability::Const))
        .define("a", "vector", global(&Val::V128(0), Mutability::Var))
        .define("a", "extern", global(&Val::ExternRef(None), Mutability::Var))
        .define("a", "func", global(&Val::FuncRef(None), Mutability::Var));
    linker
}

#[test]
fn imported_globals_of_all_kinds_have_their_values_after_a_thaw() {
    let module = module(GLOBALS);
    let host = Val::ExternRef(Some(ExternRef::new("the host's")));
    let instance = globals(20).instantiate(&module).unwrap();
    instance.freeze_handle().freeze_at_poll(2);
    let frozen = run(&instance, "run", std::slice::from_ref(&host)).frozen().unwrap();
    drop(instance);
    let thawed = pass_on(&globals(20), &frozen);
    drop(frozen);
    let results = thawed.resume().unwrap().results().unwrap();
    let nines = 9 | 9 << 32 | 9 << 64 | 9 << 96;
    assert_eq!(results, [Val::I64(40), Val::V128(nines), host, Val::I32(7), Val::from(2.5)]);
}

#[test]
fn an_imported_constant_with_another_value_is_refused() {
    let module = module(GLOBALS);
    let instance = globals(20).instantiate(&module).unwrap();
    instance.freeze_handle().freeze_at_poll(2);
    let frozen = run(&instance, "run", &[Val::ExternRef(None)]).frozen().unwrap();
    let image = frozen.image().unwrap();
    let error = globals(21).thaw(&module, &image).unwrap_err();
    assert_eq!(error.to_string(), "global 0, a constant that is imported, has another value");
}

const STORES: &str = r#"(module (import "a" "m" (memory 1)) (import "a" "t" (table $t 2 funcref))
    (elem declare func $f)
    (func $f)
    (func (export "run") (param i32) (result i32)
      (i32.store (i32.const 8) (local.get 0)) (table.set $t (i32.const 1) (ref.func $f))
      (loop)
      (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 20000)))))"#;

fn stores(memory: &Memory, table: &Table) -> Linker {
    let mut linker = Linker::new();
    linker.define("a", "m", memory.clone()).define("a", "t", table.clone());
    linker
}

fn table(elements: u32) -> Table {
    let limits = Limits { min: elements, max: None };
    Table::new(TableType { element: ValType::FuncRef, limits }, &Val::FuncRef(None)).unwrap()
}

#[test]
fn pages_of_an_imported_memory_that_were_zero_are_zero_again() {
    let module = module(STORES);
    let instance = stores(&memory(1), &table(2)).instantiate(&module).unwrap();
    instance.freeze_handle().freeze_at_poll(2);
    let frozen = run(&instance, "run", &[Val::I32(6)]).frozen().unwrap();
    let (other, elements) = (memory(1), table(2));
    other.write(20_000, &[1; 4]).unwrap();
    let thawed = pass_on(&stores(&other, &elements), &frozen);
    assert_eq!(thawed.image().unwrap(), frozen.image().unwrap());
    assert_eq!(thawed.resume().unwrap().results().unwrap(), [Val::I32(6)]);
    assert!(matches!(elements.get(1), Some(Val::FuncRef(Some(_)))));
}

#[test]
fn a_thaw_that_is_refused_leaves_what_is_imported_as_it_was() {
    let module = module(STORES);
    let instance = stores(&memory(1), &table(2)).instantiate(&module).unwrap();
    instance.freeze_handle().freeze_at_poll(2);
    let image = run(&instance, "run", &[Val::I32(6)]).frozen().unwrap().image().unwrap();
    for (other, elements) in [(memory(2), table(2)), (memory(1), table(3))] {
        other.write(20_000, &[1; 4]).unwrap();
        elements.set(1, &Val::FuncRef(Some(Func::wrap(|| ())))).unwrap();
        let error = stores(&other, &elements).thaw(&module, &image).unwrap_err();
        assert_eq!(error.to_string(), "a memory or table is larger than it can be");
        let mut bytes = [0; 4];
        other.read(20_000, &mut bytes).unwrap();
        assert_eq!((bytes, elements.get(1).is_some()), ([1; 4], true));
    }
}

#[test]
fn a_memory_that_others_have_is_shared_after_the_thaw() {
    let text = r#"(module (import "a" "m" (memory 1 8))
        (func (export "run") (result i32) (local i32)
          (loop $l
            (i32.store (i32.mul (memory.size) (i32.const 8)) (local.get 0))
            (drop (memory.grow (i32.const 1)))
            (local.set 0 (i32.add (local.get 0) (i32.const 5)))
            (br_if $l (i32.lt_u (local.get 0) (i32.const 20))))
          (i32.load (i32.const 32))))"#;
    let shared = memory(1);
    let mut linker = Linker::new();
    linker.define("a", "m", shared.clone());
    let instance = linker.instantiate(&module(text)).unwrap();
    let (_, results, pieces) = run_in_pieces(&linker, instance, &[]);
    assert_eq!((results, shared.size()), (vec![Val::I32(15)], 5));
    assert!(pieces > 4, "{pieces}");
}
