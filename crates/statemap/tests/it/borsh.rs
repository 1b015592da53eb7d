//! Borsh, byte for byte: the fixtures are what the old system's fork wrote.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize, from_slice, to_vec};
use midstride_statemap::machine::{
    BorshError, FunctionStateMap, Half, MachineState, MachineStateDiff, MachineValue, ModuleStateMap,
    OffsetInfo, RegisterIndex, StateMapError, SuspendOffset, WasmAbstractValue,
};

use crate::hex;

fn both_ways<T>(value: &T, text: &str)
where
    T: BorshSerialize + BorshDeserialize + PartialEq + std::fmt::Debug,
{
    assert_eq!(to_vec(value).unwrap(), hex(text), "{value:?}");
    assert_eq!(&from_slice::<T>(&hex(text)).unwrap(), value);
}

#[test]
fn the_nine_machine_values_have_their_tags() {
    use MachineValue as V;
    both_ways(&V::Undefined, "00");
    both_ways(&V::Vmctx, "01");
    both_ways(&V::VmctxDeref(vec![8, 0]), "02 | 02000000 | 0800000000000000 0000000000000000");
    both_ways(&V::PreserveRegister(RegisterIndex(15)), "03 | 0f00000000000000");
    both_ways(&V::CopyStackBPRelative(-16), "04 | f0ffffff");
    both_ways(&V::ExplicitShadow, "05");
    both_ways(&V::WasmStack(3), "06 | 0300000000000000");
    both_ways(&V::WasmLocal(4), "07 | 0400000000000000");
    both_ways(&V::TwoHalves(Half::WasmLocal(1), Half::Undefined), "08 | 07 0100000000000000 | 00");
}

#[test]
fn small_types_are_their_fields() {
    both_ways(&WasmAbstractValue::Runtime, "00");
    both_ways(&WasmAbstractValue::Const(7), "01 0700000000000000");
    both_ways(&SuspendOffset::Loop(1), "00 0100000000000000");
    both_ways(&SuspendOffset::Call(2), "01 0200000000000000");
    both_ways(&SuspendOffset::Trappable(3), "02 0300000000000000");
    let info = OffsetInfo { end_offset: 1, diff_id: 2, activate_offset: 3 };
    both_ways(&info, "0100000000000000 0200000000000000 0300000000000000");
    both_ways(&BTreeMap::from([(3_u64, MachineValue::Vmctx)]), "01000000 0300000000000000 01");
    both_ways(&MachineStateDiff::default(), &"00".repeat(49));
}

#[test]
fn diffs_have_their_fields_in_order() {
    let diff = MachineStateDiff {
        last: Some(1),
        stack_push: vec![MachineValue::Vmctx],
        stack_pop: 2,
        reg_diff: vec![(RegisterIndex(3), MachineValue::WasmLocal(4))],
        prev_frame_diff: BTreeMap::from([(5, None), (6, Some(MachineValue::Undefined))]),
        wasm_stack_push: vec![WasmAbstractValue::Const(7)],
        wasm_stack_pop: 8,
        wasm_stack_private_depth: 9,
        wasm_inst_offset: u64::MAX,
    };
    let text = "01 0100000000000000 | 01000000 01 | 0200000000000000 \
        | 01000000 0300000000000000 07 0400000000000000 \
        | 02000000 0500000000000000 00 0600000000000000 01 00 \
        | 01000000 01 0700000000000000 | 0800000000000000 | 0900000000000000 | ffffffffffffffff";
    both_ways(&diff, text);
}

fn module() -> ModuleStateMap {
    let mut function = FunctionStateMap::new(MachineState::new(), 4, 32, vec![WasmAbstractValue::Runtime]);
    function.diffs.push(MachineStateDiff::default());
    function.wasm_function_header_target_offset = Some(SuspendOffset::Loop(2));
    function.wasm_offset_to_target_offset.insert(6, SuspendOffset::Call(9));
    let info = OffsetInfo { end_offset: 10, diff_id: 0, activate_offset: 1 };
    function.loop_offsets.insert(2, info);
    function.call_offsets.insert(9, info);
    ModuleStateMap { local_functions: BTreeMap::from([(0, function)]), total_size: 16 }
}

#[test]
fn module_maps_are_functions_by_offset_and_a_size() {
    let initial = format!(
        "00000000 | 18000000 {} | 00000000 | 00000000 | {} | {}",
        "00".repeat(24),
        "00".repeat(8),
        "ff".repeat(8)
    );
    let info = "0a00000000000000 0000000000000000 0100000000000000";
    let text = format!(
        "01000000 0000000000000000 | {initial} | 0400000000000000 | 01000000 00 | 2000000000000000 \
         | 01000000 {} | 01 00 0200000000000000 | 01000000 0600000000000000 01 0900000000000000 \
         | 01000000 0200000000000000 {info} | 01000000 0900000000000000 {info} | 00000000 | 1000000000000000",
        "00".repeat(49)
    );
    both_ways(&module(), &text);
    assert_eq!(module().to_borsh(), hex(&text));
    assert_eq!(ModuleStateMap::from_borsh(&hex(&text)), Ok(module()));
}

#[test]
fn every_cut_is_an_error_that_says_where() {
    let bytes = module().to_borsh();
    for length in 0..bytes.len() {
        match ModuleStateMap::from_borsh(&bytes[..length]) {
            Err(BorshError::Malformed { offset, .. }) => assert!(offset <= length as u64),
            other => panic!("{length}: {other:?}"),
        }
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = BorshError::TrailingBytes { offset: bytes.len() as u64 };
    assert_eq!(ModuleStateMap::from_borsh(&longer), Err(error));
}

#[test]
fn keys_out_of_order_or_twice_are_refused() {
    let map = |keys: &str| from_slice::<BTreeMap<u64, MachineValue>>(&hex(&format!("02000000 {keys}")));
    assert!(map("0100000000000000 00 0200000000000000 00").is_ok());
    assert!(map("0200000000000000 00 0100000000000000 00").is_err());
    assert!(map("0100000000000000 00 0100000000000000 01").is_err());
}

#[test]
fn unknown_tags_and_nested_halves_are_refused() {
    for text in ["09", "ff", "08 08 0000 00", "08 01 00", "08 05 00", "08 00 03 0000000000000000"] {
        assert!(from_slice::<MachineValue>(&hex(text)).is_err(), "{text}");
    }
    // A length without bytes behind it reserves nothing for long.
    assert!(from_slice::<MachineValue>(&hex("02 ffffffff")).is_err());
}

#[test]
fn maps_that_contradict_themselves_are_refused() {
    type Change = fn(&mut FunctionStateMap);
    let cases: [(Change, StateMapError); 8] = [
        (|f| f.diffs[0].last = Some(0), StateMapError::DiffOrder { diff: 0, last: 0 }),
        (|f| f.diffs[0].stack_pop = 1, StateMapError::Underflow { diff: 0 }),
        (|f| f.diffs[0].wasm_stack_pop = 1, StateMapError::Underflow { diff: 0 }),
        (
            |f| f.diffs[0].reg_diff.push((RegisterIndex(24), MachineValue::Undefined)),
            StateMapError::NoSuchRegister { diff: 0, register: RegisterIndex(24) },
        ),
        (|f| f.shadow_size = 12, StateMapError::Shadow { bytes: 12 }),
        (|f| drop(f.diffs.pop()), StateMapError::NoSuchDiff { diff: 0 }),
        (|f| f.loop_offsets.clear(), StateMapError::NoSuchOffset { offset: SuspendOffset::Loop(2) }),
        (|f| f.call_offsets.get_mut(&9).unwrap().end_offset = 17, StateMapError::BadOffset { offset: 9 }),
    ];
    for (change, error) in cases {
        let mut map = module();
        change(map.local_functions.get_mut(&0).unwrap());
        assert_eq!(ModuleStateMap::from_borsh(&map.to_borsh()), Err(BorshError::Map(error)));
    }
    let mut map = module();
    map.local_functions.insert(8, map.local_functions[&0].clone());
    assert_eq!(map.validate(), Err(StateMapError::SameFunction { function: 4 }));
    map.local_functions.insert(16, map.local_functions[&0].clone());
    map.local_functions.remove(&8);
    assert_eq!(map.validate(), Err(StateMapError::BadOffset { offset: 16 }));
}
