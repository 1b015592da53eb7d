//! Images that are no state of the module are refused, with the reason.

use midstride_osr::statemap::{Global, Memory, Mutability, Phase, Value};
use midstride_osr::{Image, Linker, Module, ThawError, Val};

use crate::{instance, module, run};

const TEXT: &str = r#"(module (memory 1 2) (table 2 funcref) (global (mut i64) (i64.const 1))
    (func $leaf (param i32) (result i32) (local.get 0))
    (func $other (result i64) (i64.const 1))
    (func (export "run") (param i32) (result i32)
      (drop (call $other)) (i32.add (i32.const 2) (call $leaf (local.get 0)))))"#;

/// Frozen at the entry of `leaf`.
fn frozen() -> (Module, Image) {
    let instance = instance(TEXT);
    instance.freeze_handle().freeze_at_poll(3);
    let frozen = run(&instance, "run", &[Val::I32(1)]).frozen().unwrap();
    let image = frozen.image().unwrap();
    assert_eq!(image.state.frames().map(|frame| frame.function).collect::<Vec<_>>(), [2, 0]);
    (instance.module().clone(), image)
}

/// An edit, and how the reason starts.
type Refusal = (fn(&mut Image), &'static str);

fn refused(edit: impl FnOnce(&mut Image)) -> String {
    let (module, mut image) = frozen();
    edit(&mut image);
    Linker::new().thaw(&module, &image).expect_err("it is refused").to_string()
}

#[test]
fn the_unedited_image_is_accepted() {
    let (module, image) = frozen();
    let results = Linker::new().thaw(&module, &image).unwrap().resume().unwrap().results();
    assert_eq!(results.unwrap(), [Val::I32(3)]);
}

#[test]
fn frames_that_the_code_does_not_have_are_refused() {
    let frames: [Refusal; 9] = [
        (
            |i| i.state.activations[0].frames[1].wasm_offset += 1,
            "the image does not fit the module: function 0 has no entry site at 0x1",
        ),
        (
            |i| i.state.activations[0].frames[1].phase = Phase::Loop,
            "the image does not fit the module: function 0 has no loop site at 0x0",
        ),
        (
            |i| i.state.activations[0].frames[1].function = 9,
            "the image does not fit the module: function 9 has no",
        ),
        (
            |i| i.state.activations[0].frames[1].locals.clear(),
            "the image does not fit the module: a frame of function 0 has local 0",
        ),
        (
            |i| i.state.activations[0].frames[1].locals[0] = Value::I64(1),
            "the image does not fit the module: local 0 of a frame of function 0",
        ),
        (
            |i| i.state.activations[0].frames[0].operands.clear(),
            "the image does not fit the module: a frame of function 2 has operand 0",
        ),
        (|i| drop(i.state.activations[0].frames.pop()), "function 2 has no call site at 0x8"),
        (
            |i| i.state.activations[0].frames[0].wasm_offset = 1,
            "the image does not fit the module: a frame of function 2",
        ),
        (
            |i| i.state.activations[0].frames[0].wasm_offset = u32::MAX,
            "the image does not fit the module: function 2 has no call site",
        ),
    ];
    for (edit, reason) in frames {
        let error = refused(edit);
        assert!(error.starts_with(reason), "{error}, not {reason}");
    }
}

#[test]
fn a_frame_that_its_caller_does_not_call_is_refused() {
    let error = refused(|image| {
        let caller = &mut image.state.activations[0].frames[0];
        caller.wasm_offset = 1;
        caller.operands.clear();
    });
    assert_eq!(error, "function 0 has a frame, but nobody calls it");
}

#[test]
fn other_globals_tables_and_memories_are_refused() {
    let parts: [Refusal; 5] = [
        (|i| i.state.globals.clear(), "the module has 1 globals, the state 0"),
        (
            |i| i.state.globals[0] = Global { value: Value::I32(1), mutability: Mutability::Var },
            "global 0 has another type in the module",
        ),
        (|i| i.state.tables[0].elements[1] = Value::FuncRef(Some(3)), "the module has no such function as 3"),
        (|i| i.state.memories[0] = Memory::new(0), "a memory or table is larger than it can be"),
        (|i| i.state.memories[0] = Memory::new(3), "a memory or table is larger than it can be"),
    ];
    for (edit, reason) in parts {
        let error = refused(edit);
        assert!(error.contains(reason), "{error}, not {reason}");
    }
}

#[test]
fn another_module_s_image_is_refused() {
    let (_, image) = frozen();
    let error = Linker::new().thaw(&module("(module)"), &image).unwrap_err();
    assert!(matches!(error, ThawError::Image(_)));
    assert!(error.to_string().starts_with("the image is of module "), "{error}");
}
