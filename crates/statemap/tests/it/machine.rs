//! Machine states, look-ups, untyped images, native stacks.

use midstride_frame::Register;
use midstride_statemap::machine::{
    ArgumentRegisterAllocator, BuildFrameError, BuildStackError, BuiltStack, CallResult, ExecutionStateImage,
    FUNCTION_HEADER, FunctionStateMap, ImageBytesError, InstanceImage, MachineState, MachineValue,
    ModuleStateMap, OffsetInfo, RegisterIndex, SAVED_WORDS, StackMemory, StackTarget, SuspendKind,
    SuspendOffset, UNTRACKED, UntypedError, WasmAbstractValue, WasmFunctionStateDump, build_stack,
    mov_to_stack,
};
use midstride_statemap::{Slot, ValType, Value};
use midstride_testkit::properties::{check, machine_stacks};

use crate::hex;

#[test]
fn stacks_are_read_as_they_were_built() {
    check(machine_stacks, 512);
}

#[test]
fn a_diff_makes_one_state_of_the_other() {
    let mut old = MachineState::new();
    old.stack_values = vec![MachineValue::Vmctx, MachineValue::WasmLocal(0), MachineValue::WasmLocal(1)];
    old.prev_frame.extend([(0, MachineValue::WasmLocal(2)), (1, MachineValue::WasmLocal(3))]);
    old.wasm_stack = vec![WasmAbstractValue::Runtime; 3];
    let mut new = old.clone();
    new.stack_values.truncate(1);
    new.stack_values.push(MachineValue::WasmStack(0));
    new.register_values[12] = MachineValue::WasmLocal(1);
    new.prev_frame.remove(&0);
    new.prev_frame.insert(1, MachineValue::Undefined);
    new.wasm_stack = vec![WasmAbstractValue::Runtime, WasmAbstractValue::Const(5)];
    (new.wasm_stack_private_depth, new.wasm_inst_offset) = (1, 77);

    let diff = new.diff(&old);
    assert_eq!((diff.stack_pop, diff.wasm_stack_pop), (2, 2));
    assert_eq!(diff.reg_diff, [(RegisterIndex(12), MachineValue::WasmLocal(1))]);
    assert_eq!(
        diff.prev_frame_diff.into_iter().collect::<Vec<_>>(),
        [(0, None), (1, Some(MachineValue::Undefined))]
    );
    let mut function = FunctionStateMap::new(old.clone(), 0, 32, vec![]);
    function.diffs.push(new.diff(&old));
    assert_eq!(function.state(0), Ok(new));
}

#[test]
fn registers_that_a_state_lacks_count_as_undefined() {
    let old = MachineState { register_values: vec![], ..MachineState::new() };
    let mut new = MachineState::new();
    new.register_values[20] = MachineValue::Vmctx;
    assert_eq!(new.diff(&old).reg_diff, [(RegisterIndex(20), MachineValue::Vmctx)]);
}

/// One function at 0x10 with a site of each kind: loop 0x20, call 0x30, trap 0x40 to 0x43.
fn map() -> ModuleStateMap {
    let mut function = FunctionStateMap::new(MachineState::new(), 3, 32, vec![]);
    for operator in [1, 2, 3] {
        let state = MachineState { wasm_inst_offset: operator, ..MachineState::new() };
        function.diffs.push(state.diff(&MachineState::new()));
    }
    let info = |end_offset, diff_id, activate_offset| OffsetInfo { end_offset, diff_id, activate_offset };
    function.loop_offsets.insert(0x20, info(0x21, 0, 0x1c));
    function.call_offsets.insert(0x30, info(0x31, 1, 0x30));
    function.trappable_offsets.insert(0x40, info(0x44, 2, 0x40));
    function.trappable_offsets.insert(0x50, info(0x51, UNTRACKED, 0x50));
    function.wasm_offset_to_target_offset.insert(1, SuspendOffset::Loop(0x20));
    function.wasm_offset_to_target_offset.insert(2, SuspendOffset::Call(0x30));
    ModuleStateMap { local_functions: [(0x10, function)].into(), total_size: 0x60 }
}

#[test]
fn addresses_are_looked_up_in_the_table_that_is_asked() {
    let map = map();
    let base = 0x7000;
    let operator = |found: Option<midstride_statemap::machine::Suspended<'_>>| {
        found.map(|found| found.state().unwrap().wasm_inst_offset)
    };
    assert_eq!(operator(map.lookup_loop_ip(base + 0x20, base)), Some(1));
    assert_eq!(operator(map.lookup_call_ip(base + 0x30, base)), Some(2));
    assert_eq!(operator(map.lookup_trappable_ip(base + 0x40, base)), Some(3));
    assert_eq!(operator(map.lookup_trappable_ip(base + 0x43, base)), Some(3));
    // Behind a range, in another table, before the first function, untracked, outside.
    for (offset, kind) in [
        (0x44, SuspendKind::Trappable),
        (0x20, SuspendKind::Call),
        (0x08, SuspendKind::Loop),
        (0x50, SuspendKind::Trappable),
        (0x60, SuspendKind::Call),
    ] {
        assert!(map.lookup_ip(base + offset, base, kind).is_none(), "{offset:#x}");
    }
    assert!(map.lookup_call_ip(base - 1, base).is_none());
}

#[test]
fn operators_lead_back_to_the_code() {
    let map = map();
    let function = &map.local_functions[&0x10];
    let (kind, info) = function.target(1).unwrap().unwrap();
    assert_eq!((kind, info.activate_offset), (SuspendKind::Loop, 0x1c));
    assert_eq!(function.target(3), Ok(None));
    assert_eq!(function.target(FUNCTION_HEADER), Ok(None));
}

/// What the old system wrote: memory, globals, one frame with the operands 5 and unknown.
const INSTANCE: &str = "01 0300000000000000 010203 | 0100000000000000 09000000000000000000000000000000 \
    | 0100000000000000 | 0200000000000000 ffffffffffffffff 0200000000000000 01 0500000000000000 00 \
    | 0000000000000000";

#[test]
fn an_instance_image_has_the_old_bytes() {
    let bytes = hex(INSTANCE);
    let frame = WasmFunctionStateDump {
        local_function_id: 2,
        wasm_inst_offset: FUNCTION_HEADER,
        stack: vec![Some(5), None],
        locals: vec![],
    };
    let image = InstanceImage {
        memory: Some(vec![1, 2, 3]),
        globals: vec![9],
        execution_state: ExecutionStateImage { frames: vec![frame] },
    };
    assert_eq!(image.to_bytes(), bytes);
    assert_eq!(InstanceImage::from_bytes(&bytes), Ok(image));
    let error = ImageBytesError::TrailingBytes { offset: 86 };
    assert_eq!(InstanceImage::from_bytes(&[&bytes[..], &[0]].concat()), Err(error));
    for length in 0..bytes.len() {
        assert!(InstanceImage::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    let many = [&[0][..], &u64::MAX.to_le_bytes()].concat();
    let error = ImageBytesError::TooMany { offset: 1, count: u64::MAX };
    assert_eq!(InstanceImage::from_bytes(&many), Err(error));
    assert_eq!(InstanceImage::from_bytes(&[2]), Err(ImageBytesError::Option { offset: 0, byte: 2 }));
}

#[test]
fn backtraces_are_readable() {
    let frames = vec![
        WasmFunctionStateDump {
            local_function_id: 3,
            wasm_inst_offset: 14,
            stack: vec![],
            locals: vec![Some(1), None],
        },
        WasmFunctionStateDump {
            local_function_id: 0,
            wasm_inst_offset: FUNCTION_HEADER,
            stack: vec![Some(7)],
            locals: vec![],
        },
    ];
    insta::assert_snapshot!(ExecutionStateImage { frames }.to_string(), @r"
    Backtrace:
    * Frame 0 @ Local function 3
      Offset: 14
      Locals: [0] = 1, [1] = ?
      Stack: (empty)
    * Frame 1 @ Local function 0
      Offset: header
      Locals: (empty)
      Stack: [0] = 7
    ");
    let none = ExecutionStateImage::default().to_string();
    assert_eq!(none, "No frames: the address is not in code with a state map.\n");
}

#[test]
fn untyped_frames_get_the_types_of_the_validator() {
    let dump = WasmFunctionStateDump {
        local_function_id: 0,
        wasm_inst_offset: 0,
        stack: vec![Some(1 << 40)],
        locals: vec![Some(u64::from(u32::MAX)), None],
    };
    let error = |result| match result {
        Err(error) => error,
        Ok::<(Vec<Value>, Vec<Value>), _>(_) => panic!("it should not fit"),
    };
    let locals = [ValType::I32, ValType::I32];
    assert_eq!(error(dump.typed(&locals, &[ValType::I64])), UntypedError::Unknown { slot: Slot::Local(1) });
    assert_eq!(error(dump.typed(&locals[..1], &[])), UntypedError::Size { slot: Slot::Local(1) });
    let known = WasmFunctionStateDump { locals: vec![Some(u64::from(u32::MAX))], ..dump };
    let typed = known.typed(&locals[..1], &[ValType::I64]);
    assert_eq!(typed, Ok((vec![Value::I32(-1)], vec![Value::I64(1 << 40)])));
    let slot = Slot::Operand(0);
    for ty in [ValType::I32, ValType::V128, ValType::FuncRef] {
        assert_eq!(error(known.typed(&locals[..1], &[ty])), UntypedError::Bits { slot, ty, bits: 1 << 40 });
    }
}

/// No memory.
struct Nothing;

impl StackMemory for Nothing {
    fn word(&self, _: u64) -> Option<u64> {
        None
    }
}

fn build(operator: u64, result: Option<CallResult>) -> Result<BuiltStack, BuildStackError> {
    let frame = WasmFunctionStateDump {
        local_function_id: 3,
        wasm_inst_offset: operator,
        stack: vec![],
        locals: vec![],
    };
    let target =
        StackTarget { top: 0x1000, words: 64, code_base: 0x40_0000, context: 0, return_to: 0x77, result };
    build_stack(&map(), &ExecutionStateImage { frames: vec![frame] }, &target, &Nothing)
}

#[test]
fn the_saved_words_are_in_their_order() {
    let built = build(1, None).unwrap();
    // Shadow of 4 words, saved frame pointer 0, return address, two words of room.
    let tail = [0x40_001c, 0, 0, 0, 0, 0, 0x77, 0, 0];
    assert_eq!(built.words[SAVED_WORDS..], tail);
    assert_eq!(built.start, 0x1000 - 8 * (31 + 9));
    let mut expected = [0; SAVED_WORDS];
    expected[16] = 0x1000 - 32;
    assert_eq!(built.words[..SAVED_WORDS], expected);
}

#[test]
fn a_call_gets_its_result_where_the_abi_has_it() {
    assert_eq!(build(2, None), Err(BuildStackError::NoResult));
    let integer = build(2, Some(CallResult::Integer(5))).unwrap();
    assert_eq!((integer.words[17], integer.registers[0]), (5, Some(5)));
    let float = build(2, Some(CallResult::Float(6))).unwrap();
    assert_eq!((float.words[0], float.registers[16]), (6, Some(6)));
    assert!(build(2, Some(CallResult::None)).is_ok());
    let error = BuildFrameError::NotSuspendable { operator: 9 };
    assert_eq!(build(9, None), Err(BuildStackError::Frame { number: 0, error }));
}

#[test]
fn registers_have_the_numbers_of_the_old_system_and_of_dwarf() {
    assert_eq!(RegisterIndex::new(Register::R15), Some(RegisterIndex(15)));
    let xmm = |number| Register::vector(number).unwrap();
    assert_eq!(RegisterIndex::new(xmm(15)), Some(RegisterIndex(31)));
    assert_eq!(RegisterIndex::new(xmm(16)), None);
    assert_eq!(RegisterIndex::new(Register::RIP), None);
    for number in 0..32 {
        let register = RegisterIndex(number).register().unwrap();
        assert_eq!(RegisterIndex::new(register), Some(RegisterIndex(number)));
    }
    assert_eq!(RegisterIndex(32).register(), None);
    let dwarf: Vec<_> =
        [0, 1, 2, 4, 6, 7, 15, 17, 24, 32].map(|n| RegisterIndex::from_dwarf(n).unwrap().0).into();
    assert_eq!(dwarf, [0, 2, 1, 6, 5, 4, 15, 16, 23, 31]);
    assert_eq!(RegisterIndex::from_dwarf(16), None);
}

#[test]
fn arguments_of_every_type_have_a_place() {
    let mut arguments = ArgumentRegisterAllocator::default();
    let taken: Vec<_> = (0..7).map(|_| arguments.next(ValType::I64)).collect();
    assert_eq!(taken[5], Some(Register::R9));
    assert_eq!(taken[6], None);
    let vectors: Vec<_> = (0..9).map(|_| arguments.next(ValType::F32)).collect();
    assert_eq!(vectors[7], Register::vector(7));
    assert_eq!(vectors[8], None);
}

#[test]
fn stores_of_registers_are_the_bytes_of_the_manual() {
    let code = |register| mov_to_stack(register, 0x10).unwrap();
    assert_eq!(code(Register::RDI), [0x48, 0x89, 0xbc, 0x24, 0x10, 0, 0, 0]);
    assert_eq!(code(Register::R9), [0x4c, 0x89, 0x8c, 0x24, 0x10, 0, 0, 0]);
    assert_eq!(code(Register::vector(7).unwrap()), [0x66, 0x0f, 0xd6, 0xbc, 0x24, 0x10, 0, 0, 0]);
    assert_eq!(code(Register::vector(9).unwrap()), [0x66, 0x44, 0x0f, 0xd6, 0x8c, 0x24, 0x10, 0, 0, 0]);
    assert_eq!(mov_to_stack(Register::RIP, 0), None);
}
