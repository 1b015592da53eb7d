//! The fifteen defects of the system that state maps come from: each shown not to be here.

use std::collections::BTreeMap;

use midstride_frame::Register;
use midstride_statemap::machine::{
    BoundaryRegisters, BuildFrameError, BuildStackError, CodeVersion, CodeVersions, ExecutionStateImage,
    FunctionStateMap, InstanceImage, MachineState, MachineValue, ModuleStateMap, OffsetInfo, RegisterIndex,
    StackEnd, StackMemory, StackStart, StackTarget, SuspendKind, SuspendOffset, Tier, VersionError,
    WasmAbstractValue, WasmFunctionStateDump, build_stack, read_stack,
};
use midstride_statemap::{
    Activation, CompactMap, CompactMapBuilder, Frame, FunctionEntry, Global, HostCall, HostState, Image,
    ImageError, MachineValues, Memory, ModuleMap, ModuleMapBuilder, Mutability, Operand, Phase, Place, Shape,
    ShapeError, SiteState, SiteView, Slot, State, Table, VERSION, ValType, Value,
};

/// A function with one site, at offset 0x10 of the module's code and operator 1.
fn one_site(function: u64, kind: SuspendKind, state: MachineState, locals: usize) -> FunctionStateMap {
    let locals = vec![WasmAbstractValue::Runtime; locals];
    let mut map = FunctionStateMap::new(MachineState::new(), function, 0, locals);
    let state = MachineState { wasm_inst_offset: 1, ..state };
    map.diffs.push(state.diff(&MachineState::new()));
    let info = OffsetInfo { end_offset: 0x11, diff_id: 0, activate_offset: 0x10 };
    let (table, offset) = match kind {
        SuspendKind::Loop => (&mut map.loop_offsets, SuspendOffset::Loop(0x10)),
        SuspendKind::Call => (&mut map.call_offsets, SuspendOffset::Call(0x10)),
        SuspendKind::Trappable => (&mut map.trappable_offsets, SuspendOffset::Trappable(0x10)),
    };
    table.insert(0x10, info);
    map.wasm_offset_to_target_offset.insert(1, offset);
    map
}

fn module(function: FunctionStateMap) -> ModuleStateMap {
    ModuleStateMap { local_functions: BTreeMap::from([(0, function)]), total_size: 0x20 }
}

fn dump(stack: &[Option<u64>], locals: &[Option<u64>]) -> WasmFunctionStateDump {
    WasmFunctionStateDump {
        local_function_id: 0,
        wasm_inst_offset: 1,
        stack: stack.to_vec(),
        locals: locals.to_vec(),
    }
}

const TARGET: StackTarget =
    StackTarget { top: 0x1_0000, words: 256, code_base: 0x40_0000, context: 0, return_to: 0, result: None };

/// Words by address; registers saved at boundaries, by stack pointer.
#[derive(Default)]
struct Words(BTreeMap<u64, u64>, BTreeMap<u64, BoundaryRegisters>);

impl StackMemory for Words {
    fn word(&self, address: u64) -> Option<u64> {
        self.0.get(&address).copied()
    }

    fn boundary(&self, stack_pointer: u64) -> Option<BoundaryRegisters> {
        self.1.get(&stack_pointer).copied()
    }
}

fn build(map: &ModuleStateMap, frames: Vec<WasmFunctionStateDump>) -> Result<Vec<u64>, BuildStackError> {
    build_stack(map, &ExecutionStateImage { frames }, &TARGET, &Words::default()).map(|built| built.words)
}

/// A compact map's view of operands.
struct Operands(Vec<Operand>);

impl SiteView for Operands {
    fn operand_count(&self) -> u32 {
        self.0.len() as u32
    }

    fn operand(&self, index: u32) -> Operand {
        self.0[index as usize]
    }

    fn locals(&self) -> &[(u32, Place)] {
        &[]
    }
}

#[test]
fn defect_01_a_wrong_image_is_an_error_not_a_crash() {
    let state = MachineState { stack_values: vec![MachineValue::WasmLocal(0)], ..MachineState::new() };
    let map = module(one_site(0, SuspendKind::Loop, state, 1));
    assert!(build(&map, vec![dump(&[], &[Some(1)])]).is_ok());
    let refused = |frame, error| {
        assert_eq!(build(&map, vec![frame]), Err(BuildStackError::Frame { number: 0, error }));
    };
    let good = dump(&[], &[Some(1)]);
    let other = WasmFunctionStateDump { local_function_id: 7, ..good.clone() };
    refused(other, BuildFrameError::NoSuchFunction { function: 7 });
    let other = WasmFunctionStateDump { wasm_inst_offset: 2, ..good };
    refused(other, BuildFrameError::NotSuspendable { operator: 2 });
    refused(dump(&[], &[None]), BuildFrameError::Missing { slot: Slot::Local(0) });
    refused(dump(&[], &[]), BuildFrameError::Size { slot: Slot::Local(0) });
    // Nothing may follow an image, in any of the formats.
    let bytes = [InstanceImage::default().to_bytes(), vec![0]].concat();
    assert!(InstanceImage::from_bytes(&bytes).is_err());
    let bytes = [Image::default().to_bytes().unwrap(), vec![0]].concat();
    assert!(Image::read(&bytes).is_err());
}

#[test]
fn defect_02_images_have_a_version_a_module_and_types() {
    let mut function = CompactMapBuilder::new();
    function.start(1, &[(1, ValType::I64)]);
    function.site(0, 1, Phase::Loop, &SiteState::default()).unwrap();
    let mut maps = ModuleMapBuilder::new();
    let entry = FunctionEntry { function: 0, code_start: 0, code_end: 8, body_offset: 0 };
    maps.push(entry, &mut function, 0).unwrap();
    let maps = maps.finish();
    let maps = ModuleMap::parse(&maps).unwrap();

    let frame = Frame {
        function: 0,
        wasm_offset: 1,
        phase: Phase::Loop,
        locals: vec![Value::F64(1)],
        operands: vec![],
    };
    let activations = vec![Activation { frames: vec![frame], host_call: None }];
    let image = Image { module: [1; 32], state: State { activations, ..State::default() } };
    let bytes = image.to_bytes().unwrap();
    assert_eq!(u16::from_le_bytes([bytes[8], bytes[9]]), VERSION);
    let image = Image::read(&bytes).unwrap();
    assert!(image.expect_module(&[1; 32]).is_ok());
    let error = image.expect_module(&[2; 32]).unwrap_err();
    assert_eq!(error, ImageError::OtherModule { expected: [2; 32], found: [1; 32] });
    let shape = Shape { functions: 1, ..Shape::default() };
    let error = image.state.check_against(&shape, &maps).unwrap_err();
    let (slot, expected, found) = (Slot::Local(0), ValType::I64, ValType::F64);
    assert_eq!(error, ShapeError::FrameType { function: 0, slot, expected, found });
}

#[test]
fn defect_03_vectors_keep_128_bits() {
    struct Machine;
    impl MachineValues for Machine {
        fn home(&self, _: Slot, _: ValType) -> Option<u128> {
            None
        }
        fn register(&self, register: Register) -> Option<u128> {
            (register.vector_number() == Some(3)).then_some(u128::MAX - 1)
        }
        fn flags(&self) -> Option<u64> {
            None
        }
    }
    let place = Place::Register(Register::vector(3).unwrap());
    let mut builder = CompactMapBuilder::new();
    builder.start(0, &[]);
    let site =
        builder.site(0, 0, Phase::Trap, &Operands(vec![Operand { ty: ValType::V128, place }])).unwrap();
    let mut bytes = Vec::new();
    builder.finish(0, &mut bytes);
    let map = CompactMap::parse(&bytes).unwrap();
    let mut state = SiteState::default();
    map.site(0, &mut state).unwrap();
    let frame = map.read_frame(0, &site, &state, &Machine).unwrap();
    let activations = vec![Activation { frames: vec![frame], host_call: None }];
    let image = Image { module: [0; 32], state: State { activations, ..State::default() } };
    let read = Image::read(&image.to_bytes().unwrap()).unwrap();
    assert_eq!(read.state.frames().next().unwrap().operands, [Value::V128(u128::MAX - 1)]);
}

#[test]
fn defect_04_all_of_an_instance_is_in_its_image() {
    let mut memories = vec![Memory::new(1), Memory::new(0x1_0000)];
    memories[1].write(0xffff_f000, &[1]).unwrap();
    let elements = vec![Value::ExternRef(Some(2)); 3];
    let state = State {
        // Imported ones are at their index, like all others.
        globals: vec![Global { value: Value::I32(1), mutability: Mutability::Const }; 2],
        tables: vec![Table { ty: ValType::ExternRef, maximum: Some(4), elements }],
        memories,
        dropped_data: vec![1],
        dropped_elements: vec![0],
        host: vec![HostState { name: "files".into(), bytes: vec![1, 2] }],
        ..State::default()
    };
    let image = Image { module: [0; 32], state };
    let bytes = image.to_bytes().unwrap();
    assert_eq!(Image::read(&bytes), Ok(image));
    // 4 GiB of zeroes and one byte: a page for the head, a page for the byte.
    assert_eq!(bytes.len(), 0x2000);
}

#[test]
fn defect_05_globals_may_be_references() {
    let global = |value| Global { value, mutability: Mutability::Var };
    let globals = vec![
        global(Value::FuncRef(Some(0))),
        global(Value::FuncRef(None)),
        global(Value::ExternRef(Some(1))),
    ];
    let image = Image { module: [0; 32], state: State { globals, ..State::default() } };
    assert_eq!(Image::read(&image.to_bytes().unwrap()), Ok(image));
}

#[test]
fn defect_06_operands_are_there_when_an_operator_traps() {
    // Ours: the site of a division has both operands.
    let operand = |register| Operand { ty: ValType::I32, place: Place::Register(register) };
    let operands = vec![operand(Register::RAX), operand(Register::RCX)];
    let mut builder = CompactMapBuilder::new();
    builder.start(0, &[]);
    builder.site(4, 2, Phase::Trap, &Operands(operands.clone())).unwrap();
    let mut bytes = Vec::new();
    builder.finish(0, &mut bytes);
    let mut state = SiteState::default();
    CompactMap::parse(&bytes).unwrap().find_code(4, &mut state).unwrap().unwrap();
    assert_eq!(state.operands(), operands);

    // Old maps: a frame whose operands were taken is refused, not read out of bounds.
    let state = MachineState {
        stack_values: vec![MachineValue::WasmStack(0)],
        wasm_stack: vec![WasmAbstractValue::Runtime],
        wasm_stack_private_depth: 1,
        ..MachineState::new()
    };
    let map = module(one_site(0, SuspendKind::Trappable, state, 0));
    let error = BuildFrameError::OperandTaken { operand: 0 };
    assert_eq!(build(&map, vec![dump(&[], &[])]), Err(BuildStackError::Frame { number: 0, error }));
}

#[test]
fn defect_07_a_pending_host_call_is_part_of_the_state() {
    let frame = Frame { function: 1, wasm_offset: 4, phase: Phase::Call, locals: vec![], operands: vec![] };
    let host_call =
        HostCall { function: 0, arguments: vec![Value::I64(3)], progress: b"2.5 s left".to_vec() };
    let activations = vec![Activation { frames: vec![frame], host_call: Some(host_call) }];
    let image = Image { module: [0; 32], state: State { activations, ..State::default() } };
    assert_eq!(Image::read(&image.to_bytes().unwrap()), Ok(image));
    // And a stack that waits for a result is not built without one.
    let map = module(one_site(0, SuspendKind::Call, MachineState::new(), 0));
    assert_eq!(build(&map, vec![dump(&[], &[])]), Err(BuildStackError::NoResult));
}

#[test]
fn defect_08_a_look_up_does_not_read_what_is_before_its_key() {
    let mut builder = CompactMapBuilder::new();
    builder.start(0, &[]);
    for n in 0..10_000 {
        builder.site(n * 8, n * 4, Phase::Trap, &SiteState::default()).unwrap();
    }
    let mut bytes = Vec::new();
    builder.finish(0, &mut bytes);
    // All records but those of the last key become nonsense; each has two bytes.
    let records = bytes.len() - 2 * 10_000..bytes.len() - 2 * 16;
    bytes[records].fill(0xff);
    let map = CompactMap::parse(&bytes).unwrap();
    assert!(map.validate().is_err());
    let mut state = SiteState::default();
    assert_eq!(map.find_code(9_999 * 8, &mut state).unwrap().unwrap().index, 9_999);
    assert_eq!(map.find_wasm(9_990 * 4, Phase::Trap, &mut state).unwrap().unwrap().index, 9_990);
}

#[test]
fn defect_09_the_same_sites_make_the_same_bytes() {
    let build = |cold: [u32; 3]| {
        let mut builder = CompactMapBuilder::new();
        builder.start(0, &[(4, ValType::I32)]);
        for n in 0..40 {
            let place = Place::Register(Register::gpr((n % 16) as u8).unwrap());
            let operand = Operand { ty: ValType::I64, place };
            builder.site(n * 7, n * 3, Phase::Trap, &Operands(vec![operand; n as usize % 5])).unwrap();
        }
        cold.iter().for_each(|site| builder.cold_code(*site, 1000 + site).unwrap());
        let mut bytes = Vec::new();
        builder.finish(0, &mut bytes);
        bytes
    };
    // Whatever the order in which cold code is written.
    assert_eq!(build([1, 5, 3]), build([5, 3, 1]));
}

/// Baseline A calls optimized B, which calls baseline C, which calls optimized D. A and C have a local in rbx.
#[test]
fn defect_10_each_boundary_has_its_own_registers() {
    let mut with_local = MachineState::new();
    with_local.register_values[3] = MachineValue::WasmLocal(0);
    let baseline = module(one_site(0, SuspendKind::Call, with_local, 1));
    let optimized = module(one_site(0, SuspendKind::Call, MachineState::new(), 0));
    let mut versions = CodeVersions::new();
    let version = |map, base, tier| CodeVersion { map, base, tier, backend: "test" };
    versions.add(version(&baseline, 0x1000, Tier::Baseline)).unwrap();
    versions.add(version(&optimized, 0x2000, Tier::Optimized)).unwrap();
    let mut memory = Words::default();
    // D, C, B, A: return address, then the saved frame pointer.
    let addresses = [0x2010, 0x1010, 0x2010, 0x1010, 0];
    memory.0.extend((0..).zip(addresses).flat_map(|(n, address)| [(n * 16, address), (n * 16 + 8, 0)]));
    // The stack pointer of C and of A when their return address was popped.
    memory.1 = BTreeMap::from([(16 + 8, [11, 0, 0, 0, 0]), (48 + 8, [22, 0, 0, 0, 0])]);
    let frames = |memory: &Words| {
        let read = read_stack(&versions, &StackStart::in_call(0, [Some(99); 32]), memory);
        assert_eq!(read.end, StackEnd::Unknown { address: 0 });
        read.image.frames.into_iter().map(|frame| frame.locals).collect::<Vec<_>>()
    };
    assert_eq!(frames(&memory), [vec![], vec![Some(11)], vec![], vec![Some(22)]]);
    // Registers that nobody saved are not known, rather than those of another crossing.
    memory.1.clear();
    assert_eq!(frames(&memory), [vec![], vec![None], vec![], vec![None]]);
}

#[test]
fn defect_10_an_address_has_one_version() {
    let map = module(one_site(0, SuspendKind::Call, MachineState::new(), 0));
    let mut versions = CodeVersions::new();
    let version = |base, tier| CodeVersion { map: &map, base, tier, backend: "test" };
    versions.add(version(0x1000, Tier::Baseline)).unwrap();
    for base in [0x1000, 0x101f, 0xfe1] {
        assert_eq!(versions.add(version(base, Tier::Optimized)), Err(VersionError::Overlap { base: 0x1000 }));
    }
    versions.add(version(0x1020, Tier::Optimized)).unwrap();
    assert_eq!(versions.lookup(0x1010, SuspendKind::Call).unwrap().0, Tier::Baseline);
    assert_eq!(versions.lookup(0x1030, SuspendKind::Call).unwrap().0, Tier::Optimized);
    assert_eq!(
        versions.add(version(u64::MAX - 5, Tier::Baseline)),
        Err(VersionError::TooLarge { base: u64::MAX - 5 })
    );
}

#[test]
fn defect_11_versions_are_removed_by_name_in_any_order() {
    let map = module(one_site(0, SuspendKind::Call, MachineState::new(), 0));
    let mut versions = CodeVersions::new();
    let version = |base| CodeVersion { map: &map, base, tier: Tier::Baseline, backend: "test" };
    let [first, second] = [0x1000, 0x2000].map(|base| versions.add(version(base)).unwrap());
    assert_eq!(versions.remove(first).unwrap().base, 0x1000);
    assert!(versions.remove(first).is_none());
    assert!(versions.at(0x1010).is_none());
    assert_eq!(versions.at(0x2010).unwrap().base, 0x2000);
    let third = versions.add(version(0x1000)).unwrap();
    assert!(third != first && third != second);
}

#[test]
fn defect_12_nothing_here_can_write_code() {
    assert!(include_str!("../../src/lib.rs").contains("#![forbid(unsafe_code)]"));
    // A new stack is data that names code by address; the map is only read.
    let map = module(one_site(0, SuspendKind::Loop, MachineState::new(), 0));
    let words = build(&map, vec![dump(&[], &[])]).unwrap();
    assert!(words.contains(&(TARGET.code_base + 0x10)));
}

#[test]
fn defect_13_a_stack_that_does_not_fit_is_refused() {
    let map = module(one_site(0, SuspendKind::Loop, MachineState::new(), 0));
    let image = ExecutionStateImage { frames: vec![dump(&[], &[])] };
    let with_words = |words| {
        let target = StackTarget { words, ..TARGET };
        build_stack(&map, &image, &target, &Words::default()).map(|built| built.words.len())
    };
    // Three words at the top, saved frame pointer and return address, 31 saved words.
    assert_eq!(with_words(36), Ok(36));
    for words in 0..36 {
        assert_eq!(with_words(words), Err(BuildStackError::TooLarge { words }));
    }
    let target = StackTarget { top: 0x1008, ..TARGET };
    let error = build_stack(&map, &image, &target, &Words::default()).unwrap_err();
    assert_eq!(error, BuildStackError::BadTop { top: 0x1008 });
}

#[test]
fn defect_14_what_a_map_cannot_mean_is_an_error_not_a_panic() {
    let refused = |state: MachineState, error| {
        let map = module(one_site(0, SuspendKind::Loop, state, 0));
        assert_eq!(build(&map, vec![dump(&[], &[])]), Err(BuildStackError::Frame { number: 0, error }));
    };
    let slots = |value| MachineState { stack_values: vec![value], ..MachineState::new() };
    refused(slots(MachineValue::WasmLocal(9)), BuildFrameError::Misplaced);
    refused(slots(MachineValue::WasmStack(u64::MAX)), BuildFrameError::Misplaced);
    refused(slots(MachineValue::PreserveRegister(RegisterIndex(40))), BuildFrameError::Misplaced);
    refused(slots(MachineValue::VmctxDeref(vec![])), BuildFrameError::Misplaced);
    refused(slots(MachineValue::VmctxDeref(vec![8, 0])), BuildFrameError::Context { address: 8 });
    for offset in [-8, 7, i32::MIN, i32::MAX] {
        refused(slots(MachineValue::CopyStackBPRelative(offset)), BuildFrameError::CopyOutOfReach { offset });
    }
    let mut state = MachineState::new();
    state.register_values[0] = MachineValue::ExplicitShadow;
    refused(state.clone(), BuildFrameError::Misplaced);
    let map = module(one_site(4, SuspendKind::Call, state, 0));
    let mut versions = CodeVersions::new();
    versions.add(CodeVersion { map: &map, base: 0, tier: Tier::Baseline, backend: "test" }).unwrap();
    let memory = Words(BTreeMap::from([(0, 0x10)]), BTreeMap::new());
    let read = read_stack(&versions, &StackStart::in_call(0, [None; 32]), &memory);
    assert_eq!(read.end, StackEnd::Misplaced { function: 4 });
}

#[test]
fn defect_15_an_interrupt_is_not_taken_for_a_fault() {
    // The same instruction polls and may fault: who stopped the thread knows why.
    let mut function = one_site(0, SuspendKind::Loop, MachineState::new(), 0);
    let fault = MachineState { wasm_inst_offset: 2, ..MachineState::new() };
    function.diffs.push(fault.diff(&MachineState::new()));
    let info = OffsetInfo { end_offset: 0x11, diff_id: 1, activate_offset: 0x10 };
    function.trappable_offsets.insert(0x10, info);
    let map = module(function);
    let mut versions = CodeVersions::new();
    versions.add(CodeVersion { map: &map, base: 0, tier: Tier::Baseline, backend: "test" }).unwrap();
    let memory = Words(BTreeMap::from([(0, 0), (8, 0)]), BTreeMap::new());
    let operator = |kind| {
        let start = StackStart { stopped: Some((0x10, kind)), ..StackStart::in_call(0, [None; 32]) };
        read_stack(&versions, &start, &memory).image.frames.first().map(|frame| frame.wasm_inst_offset)
    };
    assert_eq!(operator(SuspendKind::Loop), Some(1));
    assert_eq!(operator(SuspendKind::Trappable), Some(2));
    assert_eq!(operator(SuspendKind::Call), None);
}
