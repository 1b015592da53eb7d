//! Native stacks, built from frames and read again.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use midstride_statemap::machine::{
    CallResult, CodeVersion, CodeVersions, ExecutionStateImage, FunctionStateMap, Half, MachineState,
    MachineStateDiff, MachineValue, ModuleStateMap, OffsetInfo, RegisterIndex, SAVED_WORDS, StackEnd,
    StackMemory, StackStart, StackTarget, SuspendKind, SuspendOffset, Tier, WasmAbstractValue,
    WasmFunctionStateDump, build_stack, read_stack,
};

const TARGET: StackTarget = StackTarget {
    top: 0x7fff_0000,
    words: 4096,
    code_base: 0x40_0000,
    context: 0x1000,
    return_to: 0x99,
    result: Some(CallResult::None),
};
/// Bytes of code of each function.
const FUNCTION_BYTES: u64 = 0x100;
/// Where in its function's code each site is.
const SITE: u64 = 0x40;
/// The operator that each frame stands at.
const OPERATOR: u64 = 5;

/// Memory: what was built, and a context of a few words.
struct Memory<'w> {
    start: u64,
    words: &'w [u64],
}

impl StackMemory for Memory<'_> {
    fn word(&self, address: u64) -> Option<u64> {
        if (TARGET.context..TARGET.context + 0x40).contains(&address) {
            return Some(address * 3);
        }
        let index = usize::try_from(address.checked_sub(self.start)? / 8).ok()?;
        self.words.get(index).copied()
    }
}

/// Frames are read as they were built, whatever slots, registers and halves their values are in; and maps and
/// frames that do not belong together are refused without a panic.
pub fn machine_stacks(u: &mut Unstructured<'_>) -> Result<()> {
    let count = u.int_in_range(1..=4)?;
    let mut map = ModuleStateMap { total_size: count * FUNCTION_BYTES, ..ModuleStateMap::default() };
    let mut frames = Vec::new();
    let (mut arguments, mut youngest) = (0, SuspendKind::Call);
    for number in 0..count {
        if number + 1 == count {
            youngest = *u.choose(&[SuspendKind::Loop, SuspendKind::Call, SuspendKind::Trappable])?;
        }
        let mut plan = Plan { incoming: (0..arguments).collect(), ..Plan::default() };
        arguments = plan.fill(u)?;
        let kind = if number + 1 == count { youngest } else { SuspendKind::Call };
        let function = function(u, number, &plan, kind)?;
        map.local_functions.insert(number * FUNCTION_BYTES, function);
        frames.insert(0, plan.dump(number));
    }
    assert_eq!(map.validate(), Ok(()));
    assert_eq!(ModuleStateMap::from_borsh(&map.to_borsh()).as_ref(), Ok(&map));
    let image = ExecutionStateImage { frames };
    judge(&map, &image, youngest);
    disturb(u, map, image)
}

fn judge(map: &ModuleStateMap, image: &ExecutionStateImage, youngest: SuspendKind) {
    let nothing = Memory { start: 0, words: &[] };
    let built = build_stack(map, image, &TARGET, &nothing).expect("the frames have what the code wants");
    assert_eq!(built.start + built.words.len() as u64 * 8, TARGET.top);
    let mut versions = CodeVersions::new();
    versions.add(version(map)).expect("there is no other");
    let memory = Memory { start: built.start, words: &built.words };
    let address = built.words[SAVED_WORDS];
    let start = StackStart {
        stack_pointer: built.start + (SAVED_WORDS as u64 + 1) * 8,
        registers: built.registers,
        stopped: Some((address, youngest)),
        max_depth: u32::MAX,
    };
    let read = read_stack(&versions, &start, &memory);
    assert_eq!(read.end, StackEnd::Unknown { address: TARGET.return_to });
    assert_eq!(read.image, *image);
}

fn version(map: &ModuleStateMap) -> CodeVersion<'_> {
    CodeVersion { map, base: TARGET.code_base, tier: Tier::Baseline, backend: "test" }
}

/// Frames and maps with mistakes: nobody panics.
fn disturb(u: &mut Unstructured<'_>, mut map: ModuleStateMap, mut image: ExecutionStateImage) -> Result<()> {
    for function in map.local_functions.values_mut() {
        disturb_function(u, function)?;
    }
    let frame = u.choose_index(image.frames.len())?;
    let frame = &mut image.frames[frame];
    match u.int_in_range(0..=4)? {
        0 => frame.local_function_id = u.int_in_range(0..=9)?,
        1 => frame.wasm_inst_offset = u.int_in_range(0..=9)?,
        2 => frame.stack.push(None),
        3 => frame.locals.iter_mut().for_each(|local| *local = None),
        _ => {}
    }
    let _ = map.validate();
    let words: Vec<u64> = (0..64).map(|n| TARGET.code_base + FUNCTION_BYTES * (n % 4) + SITE).collect();
    let memory = Memory { start: 0x8000, words: &words };
    let target = StackTarget { words: u.int_in_range(0..=64)?, ..TARGET };
    let _ = build_stack(&map, &image, &target, &memory);
    let mut versions = CodeVersions::new();
    versions.add(version(&map)).expect("there is no other");
    let start = StackStart { max_depth: 100, ..StackStart::in_call(0x8000, [Some(1); 32]) };
    let _ = read_stack(&versions, &start, &memory);
    Ok(())
}

fn disturb_function(u: &mut Unstructured<'_>, function: &mut FunctionStateMap) -> Result<()> {
    let diff = u.choose_index(function.diffs.len())?;
    let diff = &mut function.diffs[diff];
    match u.int_in_range(0..=9)? {
        0 => diff.last = Some(u.int_in_range(0..=4)?),
        1 => diff.stack_pop += u.int_in_range(0..=9)?,
        2 => diff.wasm_stack_private_depth = u.int_in_range(0..=9)?,
        3 => diff.stack_push.push(MachineValue::WasmStack(u.int_in_range(0..=9)?)),
        4 => diff.stack_push.push(MachineValue::CopyStackBPRelative(u.arbitrary()?)),
        5 => diff.stack_push.push(MachineValue::PreserveRegister(RegisterIndex(u.arbitrary()?))),
        6 => diff.prev_frame_diff = BTreeMap::from([(u.arbitrary()?, Some(MachineValue::WasmLocal(0)))]),
        7 => diff.reg_diff.push((RegisterIndex(u.int_in_range(0..=40)?), MachineValue::ExplicitShadow)),
        8 => function.shadow_size = u.arbitrary()?,
        _ => function.locals.push(WasmAbstractValue::Runtime),
    }
    Ok(())
}

/// A frame, its values, and where they are.
#[derive(Default)]
struct Plan {
    locals: Vec<(WasmAbstractValue, u64)>,
    operands: Vec<(WasmAbstractValue, u64)>,
    state: MachineState,
    /// Argument slots of the caller that hold nothing yet.
    incoming: Vec<u64>,
}

impl Plan {
    /// Makes values and places; says how many argument slots the frame has for its callee.
    fn fill(&mut self, u: &mut Unstructured<'_>) -> Result<u64> {
        for local in 0..u.int_in_range(0..=4)? {
            let value = self.value(u, Half::WasmLocal(local))?;
            self.locals.push(value);
        }
        for operand in 0..u.int_in_range(0..=4)? {
            let value = self.value(u, Half::WasmStack(operand))?;
            self.operands.push(value);
        }
        self.state.wasm_stack = self.operands.iter().map(|(known, _)| *known).collect();
        self.state.wasm_inst_offset = OPERATOR;
        self.noise(u)?;
        let arguments = u.int_in_range(0..=2)?;
        if arguments > 0 || u.arbitrary()? {
            self.state.stack_values.push(MachineValue::ExplicitShadow);
            self.state.stack_values.extend((0..arguments).map(|_| MachineValue::Undefined));
        }
        Ok(arguments)
    }

    /// One value, put somewhere.
    fn value(&mut self, u: &mut Unstructured<'_>, what: Half) -> Result<(WasmAbstractValue, u64)> {
        let bits: u64 = u.arbitrary()?;
        let whole = match what {
            Half::WasmStack(operand) => MachineValue::WasmStack(operand),
            Half::WasmLocal(local) => MachineValue::WasmLocal(local),
            _ => MachineValue::Undefined,
        };
        let halves = match u.int_in_range(0..=5)? {
            0 => return Ok((WasmAbstractValue::Const(bits), bits)),
            1 => {
                self.in_register(u.choose_index(24)?, whole);
                return Ok((WasmAbstractValue::Runtime, bits));
            }
            2 if !self.incoming.is_empty() => {
                let slot = self.incoming.remove(0);
                self.state.prev_frame.insert(slot, whole);
                return Ok((WasmAbstractValue::Runtime, bits));
            }
            3 => (what, Half::Undefined),
            4 => (Half::VmctxDeref(vec![8, 1]), what),
            _ => {
                self.state.stack_values.push(whole);
                return Ok((WasmAbstractValue::Runtime, bits));
            }
        };
        self.state.stack_values.push(MachineValue::TwoHalves(halves.0, halves.1));
        Ok((WasmAbstractValue::Runtime, bits & u64::from(u32::MAX)))
    }

    /// In the register, whose value of the caller is saved; in a slot when it is taken.
    fn in_register(&mut self, register: usize, value: MachineValue) {
        let free = self.state.register_values[register] == MachineValue::Undefined;
        if free && register != 4 && register != 5 {
            let preserved = MachineValue::PreserveRegister(RegisterIndex(register as u64));
            self.state.stack_values.push(preserved);
            self.state.register_values[register] = value;
        } else {
            self.state.stack_values.push(value);
        }
    }

    fn noise(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..u.int_in_range(0..=2)? {
            let slots = self.state.stack_values.len() as i32;
            self.state.stack_values.push(match u.int_in_range(0..=3)? {
                0 => MachineValue::Vmctx,
                1 => MachineValue::VmctxDeref(vec![16, 0]),
                2 => MachineValue::CopyStackBPRelative(-8 * u.int_in_range(0..=slots)?),
                _ => MachineValue::Undefined,
            });
        }
        Ok(())
    }

    fn dump(&self, number: u64) -> WasmFunctionStateDump {
        let values = |list: &[(WasmAbstractValue, u64)]| list.iter().map(|(_, value)| Some(*value)).collect();
        WasmFunctionStateDump {
            local_function_id: number,
            wasm_inst_offset: OPERATOR,
            stack: values(&self.operands),
            locals: values(&self.locals),
        }
    }
}

/// A function with the plan's state at the end of a chain of diffs.
fn function(
    u: &mut Unstructured<'_>,
    number: u64,
    plan: &Plan,
    kind: SuspendKind,
) -> Result<FunctionStateMap> {
    let locals = plan.locals.iter().map(|(known, _)| *known).collect();
    let mut function = FunctionStateMap::new(MachineState::new(), number, 32, locals);
    function.diffs = chain(u, &plan.state)?;
    let diff_id = function.diffs.len() as u64 - 1;
    let at = number * FUNCTION_BYTES + SITE;
    let info = OffsetInfo { end_offset: at + 1, diff_id, activate_offset: at };
    let (table, offset) = match kind {
        SuspendKind::Loop => (&mut function.loop_offsets, SuspendOffset::Loop(at)),
        SuspendKind::Call => (&mut function.call_offsets, SuspendOffset::Call(at)),
        SuspendKind::Trappable => (&mut function.trappable_offsets, SuspendOffset::Trappable(at)),
    };
    table.insert(at, info);
    function.wasm_offset_to_target_offset.insert(OPERATOR, offset);
    Ok(function)
}

/// Diffs of which the last makes the state.
fn chain(u: &mut Unstructured<'_>, wanted: &MachineState) -> Result<Vec<MachineStateDiff>> {
    let mut diffs: Vec<MachineStateDiff> = Vec::new();
    let mut old = MachineState::new();
    let mut add = |state: &MachineState, old: &MachineState| {
        let last = diffs.len().checked_sub(1).map(|last| last as u64);
        diffs.push(MachineStateDiff { last, ..state.diff(old) });
    };
    for step in 0..u.int_in_range(0..=3)? {
        let mut state = wanted.clone();
        state.stack_values.truncate(step);
        state.wasm_stack.truncate(step);
        state.register_values[step] = MachineValue::Vmctx;
        add(&state, &old);
        old = state;
    }
    add(wanted, &old);
    Ok(diffs)
}
