//! What is not supported is refused by name.

use midstride_osr::{Config, Engine, Module, ModuleError, Unsupported};

fn refusal(text: &str) -> Unsupported {
    let engine = Engine::new(Config::default()).unwrap();
    match Module::new(&engine, text) {
        Err(ModuleError::Unsupported { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_proposal_is_named() {
    let cases = [
        ("(module (memory 1) (memory 1))", Unsupported::MultiMemory),
        ("(module (memory i64 1))", Unsupported::Memory64),
        ("(module (func $f (return_call $f)))", Unsupported::TailCalls),
        ("(module (tag))", Unsupported::Exceptions),
        ("(module (func (param exnref)))", Unsupported::Exceptions),
        ("(module (memory 1 1 shared))", Unsupported::Threads),
        ("(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))", Unsupported::Threads),
        ("(module (type (struct (field i32))))", Unsupported::Gc),
        ("(module (func (param (ref func))))", Unsupported::TypedReferences),
        (
            "(module (func (param v128 v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
            Unsupported::RelaxedSimd,
        ),
    ];
    let found = cases.map(|(text, _)| (text, refusal(text)));
    assert_eq!(found, cases);
}

#[test]
fn a_component_is_named() {
    let engine = Engine::new(Config::default()).unwrap();
    let error = Module::new(&engine, "(component)").unwrap_err();
    assert_eq!(error.to_string(), "the component-model proposal is not supported (at offset 0x0)");
}

#[test]
fn what_is_neither_binary_nor_text_is_refused_as_that() {
    let engine = Engine::new(Config::default()).unwrap();
    for bytes in [&b"\x7fELF\x02\xff"[..], b"\0as\xff"] {
        let (module, valid) =
            (Module::new(&engine, bytes).unwrap_err(), Module::validate(bytes).unwrap_err());
        assert!(matches!(module, ModuleError::Invalid { offset: 0, .. }), "{module:?}");
        assert!(matches!(valid, ModuleError::Invalid { offset: 0, .. }), "{valid:?}");
    }
}

#[test]
fn an_invalid_function_is_refused_where_it_is_wrong() {
    let engine = Engine::new(Config::default()).unwrap();
    let error = Module::new(&engine, "(module (func (result i32) (i64.const 1)))").unwrap_err();
    assert!(matches!(&error, ModuleError::Invalid { offset: 0x1a, .. }), "{error:?}");
    assert!(error.to_string().contains("expected i32, found i64"), "{error}");
}

#[test]
fn any_prefix_of_a_module_is_refused_or_runs() {
    let engine = Engine::new(Config::default()).unwrap();
    let wasm = wat::parse_str(include_str!("data/mixed.wat")).unwrap();
    for end in 0..wasm.len() {
        let _ = Module::from_binary(&engine, &wasm[..end]);
        let mut damaged = wasm.clone();
        damaged[end] ^= 0xff;
        let _ = Module::from_binary(&engine, &damaged);
    }
    assert!(Module::from_binary(&engine, &wasm).is_ok());
}
