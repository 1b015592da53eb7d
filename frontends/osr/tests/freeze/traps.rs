//! Traps leave their operands: frozen there, edited, tried again.

use midstride_osr::statemap::{Phase, Slot, Value};
use midstride_osr::{Frozen, Instance, Linker, TrapKind, Val};

use crate::instance;

/// An operator that traps, and the change that makes it succeed.
struct Trapping {
    body: &'static str,
    kind: TrapKind,
    /// Of the youngest frame, the operands from the bottom.
    operands: &'static [Value],
    /// Replaces this operand.
    edit: (u32, Value),
    result: i64,
}

const TRAPPING: [Trapping; 10] = [
    Trapping {
        body: "(i64.extend_i32_s (i32.div_s (local.get 0) (i32.const 0)))",
        kind: TrapKind::IntegerDivideByZero,
        operands: &[Value::I64(1), Value::I32(17), Value::I32(0)],
        edit: (2, Value::I32(5)),
        result: 4,
    },
    Trapping {
        body: "(i64.rem_u (i64.extend_i32_s (i32.add (local.get 0) (i32.const 3))) (i64.const 0))",
        kind: TrapKind::IntegerDivideByZero,
        operands: &[Value::I64(1), Value::I64(20), Value::I64(0)],
        edit: (2, Value::I64(6)),
        result: 3,
    },
    Trapping {
        body: "(i64.div_s (i64.const -9223372036854775808) (i64.sub (i64.const 1) (i64.const 2)))",
        kind: TrapKind::IntegerOverflow,
        operands: &[Value::I64(1), Value::I64(i64::MIN), Value::I64(-1)],
        edit: (1, Value::I64(-8)),
        result: 9,
    },
    Trapping {
        body: "(i64.load (i32.add (local.get 0) (i32.const 0x20000)))",
        kind: TrapKind::MemoryOutOfBounds,
        operands: &[Value::I64(1), Value::I32(0x2_0011)],
        edit: (1, Value::I32(8)),
        result: 43,
    },
    // The load is part of the subtraction's instruction.
    Trapping {
        body: "(i64.trunc_f64_s (f64.sub (f64.sqrt (f64.const 4)) (f64.load (i32.add (local.get 0) (i32.const 0x20000)))))",
        kind: TrapKind::MemoryOutOfBounds,
        operands: &[Value::I64(1), Value::F64(0x4000_0000_0000_0000), Value::I32(0x2_0011)],
        edit: (2, Value::I32(8)),
        result: 3,
    },
    Trapping {
        body: "(block (result i64) (i64.store (i32.const -4) (i64.const 5)) (i64.const 1))",
        kind: TrapKind::MemoryOutOfBounds,
        operands: &[Value::I64(1), Value::I32(-4), Value::I64(5)],
        edit: (1, Value::I32(64)),
        result: 2,
    },
    Trapping {
        body: "(i64.trunc_f64_s (f64.mul (f64.const 1e20) (f64.const 2)))",
        kind: TrapKind::IntegerOverflow,
        operands: &[Value::I64(1), Value::F64(0x4425_af1d_78b5_8c40)],
        edit: (1, Value::F64(0x4010_0000_0000_0000)),
        result: 5,
    },
    Trapping {
        body: "(i64.extend_i32_s (call_indirect (type $f) (i32.const 7) (i32.add (local.get 0) (i32.const 1))))",
        kind: TrapKind::UndefinedElement,
        operands: &[Value::I64(1), Value::I32(7), Value::I32(18)],
        edit: (2, Value::I32(1)),
        result: 15,
    },
    Trapping {
        body: "(i64.extend_i32_s (call_indirect (type $f) (i32.const 7) (i32.const 2)))",
        kind: TrapKind::IndirectCallTypeMismatch,
        operands: &[Value::I64(1), Value::I32(7), Value::I32(2)],
        edit: (2, Value::I32(1)),
        result: 15,
    },
    Trapping {
        body: "(block (result i64) (memory.fill (i32.const 65535) (i32.const 1) (local.get 0)) (i64.const 1))",
        kind: TrapKind::MemoryOutOfBounds,
        operands: &[Value::I64(1), Value::I32(65_535), Value::I32(1), Value::I32(17)],
        edit: (3, Value::I32(1)),
        result: 2,
    },
];

fn trapped(body: &str) -> (Instance, TrapKind) {
    let text = format!(
        r#"(module (type $f (func (param i32) (result i32))) (memory 1) (data (i32.const 8) "\2a")
          (table funcref (elem $wrong $double $wrong))
          (func $wrong) (func $double (type $f) (i32.mul (local.get 0) (i32.const 2)))
          (func $traps (param i32) (result i64) (i64.add (i64.const 1) {body}))
          (func (export "run") (param i32) (result i64) (call $traps (local.get 0))))"#
    );
    let instance = instance(&text);
    let trap = instance.get_func("run").unwrap().call(&[Val::I32(17)]).unwrap_err();
    (instance, trap.kind())
}

fn retry(frozen: &Frozen, edit: (u32, Value)) -> Vec<Val> {
    let mut image = frozen.image().unwrap();
    image.state.frame_mut(0).unwrap().set(Slot::Operand(edit.0), edit.1).unwrap();
    let thawed = Linker::new().thaw(frozen.instance().module(), &image).unwrap();
    assert_eq!(thawed.image().unwrap(), image);
    thawed.resume().unwrap().results().unwrap()
}

#[test]
fn a_trapped_operator_has_its_operands_and_succeeds_with_others() {
    for case in &TRAPPING {
        let (instance, kind) = trapped(case.body);
        assert_eq!(kind, case.kind, "{}", case.body);
        let frozen = instance.frozen();
        let state = frozen.state().unwrap();
        let youngest = state.frames().next_back().unwrap();
        assert_eq!((youngest.phase, &youngest.operands[..]), (Phase::Trap, case.operands), "{}", case.body);
        assert_eq!(youngest.locals, [Value::I32(17)]);
        assert_eq!(retry(&frozen, case.edit), [Val::I64(case.result)], "{}", case.body);
    }
}

#[test]
fn a_trap_right_behind_a_call_is_found() {
    let instance = instance(r#"(module (func $nothing) (func (export "run") (call $nothing) unreachable))"#);
    let trap = instance.get_func("run").unwrap().call(&[]).unwrap_err();
    assert_eq!(trap.kind(), TrapKind::Unreachable);
}

#[test]
fn a_trapped_instance_cannot_go_on_in_place() {
    let (instance, _) = trapped("(i64.extend_i32_s (i32.div_s (local.get 0) (i32.const 0)))");
    assert_eq!(instance.frozen().resume().unwrap_err().kind(), TrapKind::Host);
}

#[test]
fn a_trap_retried_unedited_traps_again_with_the_same_state() {
    let (instance, kind) = trapped("(i64.load (i32.const -1))");
    let image = instance.frozen().image().unwrap();
    let thawed = Linker::new().thaw(instance.module(), &image).unwrap();
    let again = thawed.instance().clone();
    assert_eq!(thawed.resume().unwrap_err().kind(), kind);
    assert_eq!(again.frozen().image().unwrap(), image);
}

#[test]
fn an_exhausted_stack_is_frozen_and_goes_on_with_a_larger_one() {
    let text = r#"(module (func $f (export "run") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0)))))"#;
    let config = midstride_osr::Config { stack_bytes: 1 << 16, ..Default::default() };
    let engine = midstride_osr::Engine::new(config).unwrap();
    let module = midstride_osr::Module::new(&engine, text).unwrap();
    let instance = Linker::new().instantiate(&module).unwrap();
    let trap = instance.get_func("run").unwrap().call(&[Val::I32(1500)]).unwrap_err();
    assert_eq!(trap.kind(), TrapKind::StackOverflow);
    let thawed = Linker::new().thaw(&module, &instance.frozen().image().unwrap()).unwrap();
    assert_eq!(thawed.resume().unwrap().results().unwrap(), [Val::I32(1500)]);
}
