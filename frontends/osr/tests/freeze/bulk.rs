//! Operators on much memory, frozen between their pieces.

use midstride_osr::statemap::{Phase, Slot, Value};
use midstride_osr::{Frozen, Image, Instance, Linker, Module, Outcome, TrapKind, Val};

use crate::{instance, module, pass_on, run, run_in_pieces};

/// Pieces of a memory have this many bytes, those of a table this many elements.
const PIECE: i32 = 256 << 10;
const ELEMENTS: i32 = 16 << 10;

/// A memory with a pattern, a data segment of 700 001 bytes, tables with every kind of reference, and a
/// function for each operator; `sum` tells all contents.
fn text() -> String {
    let data: String = (0..700_001_u32)
        .map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26))
        .collect();
    let functions = "$one $two $three ".repeat(20_000);
    format!(
        r#"(module (memory (export "memory") 48) (table $t (export "t") 100000 funcref) (table $u 60000 funcref)
          (data $d "{data}") (elem $e func {functions})
          (func $one) (func $two) (func $three)
          (func (export "pattern") (local i32)
            (loop $l
              (i32.store8 (local.get 0) (i32.mul (local.get 0) (i32.shr_u (local.get 0) (i32.const 9))))
              (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3145728))))
            (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 60000))
            (table.init $u $e (i32.const 1) (i32.const 0) (i32.const 50000)))
          (func (export "memory.fill") (param i32 i32 i32)
            (memory.fill (local.get 0) (local.get 1) (local.get 2)))
          (func (export "memory.copy") (param i32 i32 i32)
            (memory.copy (local.get 0) (local.get 1) (local.get 2)))
          (func (export "memory.init") (param i32 i32 i32)
            (memory.init $d (local.get 0) (local.get 1) (local.get 2)) (data.drop $d))
          (func (export "table.fill") (param i32 i32 i32)
            (table.fill $t (local.get 0) (table.get $u (local.get 1)) (local.get 2)))
          (func (export "table.copy") (param i32 i32 i32)
            (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
          (func (export "table.copy between") (param i32 i32 i32)
            (table.copy $t $u (local.get 0) (local.get 1) (local.get 2)))
          (func (export "table.init") (param i32 i32 i32)
            (table.init $t $e (local.get 0) (local.get 1) (local.get 2)) (elem.drop $e))
          (func (export "table.grow") (param i32 i32 i32) (result i32)
            (i32.add (i32.const 1000000)
              (table.grow $t (table.get $u (local.get 1)) (local.get 2)))))"#
    )
}

/// An operator, its operands, and how many pieces it has.
type Case = (&'static str, [i32; 3], usize);

const CASES: [Case; 12] = [
    ("memory.fill", [77, 0x1ab, 3 * PIECE + 5], 4),
    ("memory.copy", [100, 1_000_000, 5 * PIECE], 5),
    // Overlapping, in both directions, by less and by more than a piece.
    ("memory.copy", [1000, 0, 6 * PIECE + 1], 7),
    ("memory.copy", [0, 1000, 6 * PIECE + 1], 7),
    ("memory.copy", [PIECE + 9, 3, 6 * PIECE], 6),
    ("memory.copy", [3, PIECE + 9, 6 * PIECE], 6),
    ("memory.init", [5, 1, 700_000], 3),
    ("table.fill", [1, 3, 4 * ELEMENTS + 1], 5),
    ("table.copy", [100, 3, 3 * ELEMENTS], 3),
    ("table.copy", [3, 100, 3 * ELEMENTS], 3),
    ("table.copy between", [7, 0, 3 * ELEMENTS + 7], 4),
    ("table.init", [9, 2, 59_998], 4),
];

/// An instance with the pattern in its memory and its tables.
fn patterned(module: &Module) -> Instance {
    let instance = Linker::new().instantiate(module).unwrap();
    run(&instance, "pattern", &[]);
    instance
}

/// All that an operator can have changed.
fn contents(instance: &Instance) -> Image {
    let mut image = instance.frozen().image().unwrap();
    image.state.activations.clear();
    image
}

/// Calls an operator's function so that it is frozen between its first pieces, behind the entry's poll.
fn frozen_at_first(instance: &Instance, (name, operands, _): Case) -> Frozen {
    instance.freeze_handle().freeze_at_poll(2);
    run(instance, name, &operands.map(Val::I32)).frozen().unwrap()
}

/// The operands left of the operator that an image stands in.
fn operands(frozen: &Frozen) -> Vec<Value> {
    let state = frozen.state().unwrap();
    let youngest = state.frames().next_back().unwrap();
    assert_eq!(youngest.phase, Phase::Trap);
    youngest.operands.clone()
}

#[test]
fn each_operator_frozen_between_all_its_pieces_and_thawed_does_the_same() {
    let module = module(&text());
    for case in CASES {
        let (name, params, pieces) = case;
        let whole = patterned(&module);
        run(&whole, name, &params.map(Val::I32));
        let (mut frozen, mut freezes) = (frozen_at_first(&patterned(&module), case), 1);
        let last = loop {
            let thawed = pass_on(&Linker::new(), &frozen);
            let instance = thawed.instance().clone();
            instance.freeze_handle().freeze_at_poll(1);
            match thawed.resume().unwrap() {
                Outcome::Frozen(again) => (frozen, freezes) = (again, freezes + 1),
                Outcome::Done(_) => break instance,
            }
        };
        assert_eq!(freezes + 1, pieces, "{case:?}");
        assert_eq!(contents(&last), contents(&whole), "{case:?}");
    }
}

#[test]
fn each_operator_goes_on_in_place_between_all_its_pieces() {
    let module = module(&text());
    for case in CASES {
        let (name, params, pieces) = case;
        let (whole, other) = (patterned(&module), patterned(&module));
        run(&whole, name, &params.map(Val::I32));
        let (mut frozen, mut freezes) = (frozen_at_first(&other, case), 1);
        loop {
            other.freeze_handle().freeze_at_poll(1);
            match frozen.resume().unwrap() {
                Outcome::Frozen(again) => (frozen, freezes) = (again, freezes + 1),
                Outcome::Done(_) => break,
            }
        }
        assert_eq!(freezes + 1, pieces, "{case:?}");
        assert_eq!(contents(&other), contents(&whole), "{case:?}");
    }
}

#[test]
fn a_frozen_operator_shows_the_operands_that_are_left() {
    let module = module(&text());
    let left = |case| operands(&frozen_at_first(&patterned(&module), case));
    let i32s = |values: [i32; 3]| values.map(Value::I32).to_vec();
    assert_eq!(left(CASES[0]), i32s([77 + PIECE, 0x1ab, 2 * PIECE + 5]));
    assert_eq!(left(CASES[2]), i32s([1000, 0, 5 * PIECE + 1]), "upwards: from the end");
    assert_eq!(left(CASES[3]), i32s([PIECE, 1000 + PIECE, 5 * PIECE + 1]), "downwards: from the start");
    assert_eq!(left(CASES[6]), i32s([5 + PIECE, 1 + PIECE, 700_000 - PIECE]));
    let func = Value::FuncRef(Some(2));
    assert_eq!(left(CASES[7]), [Value::I32(1 + ELEMENTS), func, Value::I32(3 * ELEMENTS + 1)]);
}

#[test]
fn operands_that_are_left_can_be_edited() {
    let module = module(&text());
    let mut image = frozen_at_first(&patterned(&module), CASES[0]).image().unwrap();
    let frame = image.state.frame_mut(0).unwrap();
    frame.set(Slot::Operand(1), Value::I32(0x55)).unwrap();
    frame.set(Slot::Operand(2), Value::I32(2)).unwrap();
    let thawed = Linker::new().thaw(&module, &image).unwrap();
    let memory = thawed.instance().get_memory("memory").unwrap();
    let mut expected = vec![0xab; PIECE as usize];
    expected.extend([0x55, 0x55]);
    thawed.resume().unwrap().results().unwrap();
    let mut found = vec![0; expected.len() + 1];
    memory.read(77, &mut found).unwrap();
    assert_eq!(found[..expected.len()], expected);
    let behind = 77 + PIECE as u32 + 2;
    assert_eq!(u32::from(found[expected.len()]), behind.wrapping_mul(behind >> 9) & 0xff, "the pattern");
}

#[test]
fn a_table_grows_at_once_however_often_it_is_frozen() {
    let module = module(&text());
    let size = |instance: &Instance| instance.get_table("t").unwrap().size();
    let case = ("table.grow", [0, 2, 4 * ELEMENTS + 3], 5);
    let other = patterned(&module);
    let mut frozen = frozen_at_first(&other, case);
    assert_eq!(operands(&frozen)[1..], [Value::FuncRef(Some(1)), Value::I32(case.1[2])]);
    // In place, what is prepared is kept.
    for _ in 0..3 {
        assert_eq!(size(&other), 100_000, "not before all elements are there");
        other.freeze_handle().freeze_at_poll(1);
        frozen = frozen.resume().unwrap().frozen().unwrap();
    }
    let thawed = pass_on(&Linker::new(), &frozen);
    let grown = [Val::I32(1_100_000)];
    assert_eq!(frozen.resume().unwrap().results().unwrap(), grown);
    // A thaw begins anew.
    let copy = thawed.instance().clone();
    assert_eq!(size(&copy), 100_000);
    assert_eq!(thawed.resume().unwrap().results().unwrap(), grown);
    assert_eq!(size(&other), 100_000 + case.1[2] as u32);
    assert_eq!(contents(&copy), contents(&other));
}

#[test]
fn elements_prepared_for_a_growth_that_was_given_up_are_not_seen() {
    let text = r#"(module (table $t (export "t") 10 200000 funcref) (func $f)
        (func (export "grow") (result i32) (table.grow $t (ref.func $f) (i32.const 100000)))
        (func (export "less") (result i32) (table.grow $t (ref.null func) (i32.const 5)))
        (elem declare func $f))"#;
    let instance = instance(text);
    instance.freeze_handle().freeze_at_poll(3);
    drop(run(&instance, "grow", &[]).frozen().unwrap());
    instance.freeze_handle().freeze_at_poll(0);
    let table = instance.get_table("t").unwrap();
    assert_eq!((table.size(), table.get(10).is_none()), (10, true));
    assert_eq!(run(&instance, "less", &[]).results().unwrap(), [Val::I32(10)]);
    assert!((0..15).all(|index| matches!(table.get(index), Some(Val::FuncRef(None)))));
}

#[test]
fn an_operator_out_of_bounds_does_nothing_however_much_is_in_bounds() {
    let module = module(&text());
    let (whole, other) = (patterned(&module), patterned(&module));
    for (name, params) in [
        ("memory.fill", [PIECE, 1, 48 * 65_536 - PIECE + 1]),
        ("memory.copy", [0, 1, 48 * 65_536]),
        ("memory.copy", [1, 0, 48 * 65_536]),
        ("memory.init", [0, 0, 700_002]),
        ("table.fill", [1, 0, 100_000]),
        ("table.copy", [0, 1, 100_000]),
        ("table.copy between", [0, 1, 60_000]),
        ("table.init", [0, 1, 60_000]),
    ] {
        other.freeze_handle().freeze_at_poll(2);
        let trap = other.get_func(name).unwrap().run(&params.map(Val::I32)).unwrap_err();
        let wanted =
            if name.starts_with('m') { TrapKind::MemoryOutOfBounds } else { TrapKind::TableOutOfBounds };
        assert_eq!(trap.kind(), wanted, "{name}");
        assert_eq!(contents(&other), contents(&whole), "{name}");
    }
}

#[test]
fn an_interrupted_operator_can_go_on() {
    let module = module(&text());
    let (whole, other) = (patterned(&module), patterned(&module));
    let (name, params, _) = CASES[2];
    run(&whole, name, &params.map(Val::I32));
    let frozen = frozen_at_first(&other, CASES[2]);
    other.interrupt_handle().interrupt();
    assert_eq!(frozen.resume().unwrap_err().kind(), TrapKind::Interrupted);
    let again = other.frozen();
    assert_eq!(operands(&again)[2], Value::I32(4 * PIECE + 1), "at least one piece is done each time");
    let thawed = pass_on(&Linker::new(), &again);
    again.resume().unwrap().results().unwrap();
    assert_eq!(contents(&other), contents(&whole));
    let copy = thawed.instance().clone();
    thawed.resume().unwrap().results().unwrap();
    assert_eq!(contents(&copy), contents(&whole));
}

#[test]
fn locals_in_registers_and_operands_below_survive_a_freeze_inside_an_operator() {
    let text = r#"(module (memory 48) (func (export "run") (param i32 f64) (result i64 f64) (local i64 v128)
        (local.set 2 (i64.extend_i32_s (local.get 0)))
        (local.set 3 (i64x2.splat (local.get 2)))
        (i64.add (local.get 2) (i64.const 5))
        (local.set 1 (f64.mul (local.get 1) (f64.const 3)))
        (memory.fill (i32.const 3) (local.get 0) (i32.const 3000000))
        (i64.add (i64.extend_i32_u (i32.load8_u (i32.const 3000002))))
        (i64.add (i64x2.extract_lane 1 (local.get 3)))
        (local.get 1)))"#;
    let params = [Val::I32(70), Val::from(1.5)];
    let (_, results, pieces) = run_in_pieces(&Linker::new(), instance(text), &params);
    assert_eq!(results, [Val::I64(70 + 5 + 70 + 70), Val::from(4.5)]);
    assert_eq!(pieces, 13, "the entry, and between 12 pieces");
}
