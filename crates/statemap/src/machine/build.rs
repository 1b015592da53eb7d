//! From frames to a native stack.

mod frame;

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::machine::build_error::{BuildFrameError, BuildStackError};
use crate::machine::dump::ExecutionStateImage;
use crate::machine::index;
use crate::machine::map::{FunctionStateMap, ModuleStateMap, SuspendKind};
use crate::machine::read::StackMemory;
use crate::machine::value::{Half, KnownRegisters, MachineValue};

use frame::Frame;

/// Words below the youngest frame: xmm0 to xmm15 (64 bits each, lowest first), rbp, rax, rbx, rcx, rdx, rdi,
/// rsi, r8 to r15. What loads them and returns, continues the frame.
pub const SAVED_WORDS: usize = 31;

/// The order of the general registers in the saved words, rbp excepted, by hardware number.
const SAVED_GPRS: [usize; 14] = [0, 3, 1, 2, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
/// rax.
const RESULT: usize = 0;
/// xmm0.
const VECTOR_RESULT: usize = 16;

/// What the call returns that the youngest frame waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallResult {
    /// Nothing.
    None,
    /// This, in rax.
    Integer(u64),
    /// These bits, in xmm0.
    Float(u64),
}

/// Where and for whom a stack is built.
#[derive(Clone, Copy, Debug)]
pub struct StackTarget {
    /// The address behind it, a multiple of 16. Below it is memory with a guard page at the end.
    pub top: u64,
    /// How many words of it may be used.
    pub words: u64,
    /// Where the module's code is.
    pub code_base: u64,
    /// The instance's context.
    pub context: u64,
    /// Where the oldest function returns to.
    pub return_to: u64,
    /// What the youngest frame's call returns; needed when it is in one.
    pub result: Option<CallResult>,
}

/// A stack, as data: to be copied to [`start`](Self::start).
///
/// ```text
/// top -  8   0
/// top - 16   0: room for the host's stack pointer, which `return_to` finds there
/// top - 24   return_to
/// …          for each frame, oldest first: saved frame pointer, slots, where it goes on
/// start      the saved words
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuiltStack {
    /// Address of the first word.
    pub start: u64,
    /// Lowest address first, up to the top.
    pub words: Vec<u64>,
    /// What was put in the saved words; `None` became 0.
    pub registers: KnownRegisters,
}

/// Builds the stack on which the frames of an image go on, in code with this map. Reads the context with
/// `memory`; writes nothing.
///
/// # Errors
/// [`BuildStackError`]
pub fn build_stack(
    map: &ModuleStateMap,
    image: &ExecutionStateImage,
    target: &StackTarget,
    memory: &impl StackMemory,
) -> Result<BuiltStack, BuildStackError> {
    let functions: BTreeMap<u64, &FunctionStateMap> =
        map.local_functions.values().map(|function| (function.local_function_id, function)).collect();
    let mut builder = Builder::new(target, memory)?;
    let youngest = image.frames.len().checked_sub(1).ok_or(BuildStackError::NoFrames)?;
    for (age, dump) in image.frames.iter().rev().enumerate() {
        let number = (youngest - age) as u32;
        let framed = |error| BuildStackError::Frame { number, error };
        let none = BuildFrameError::NoSuchFunction { function: dump.local_function_id };
        let function = functions.get(&dump.local_function_id).ok_or(framed(none))?;
        let frame = Frame::new(function, dump).map_err(framed)?;
        check_kind(number, frame.kind, target.result)?;
        builder.frame(&frame).map_err(|error| error.map_or(builder.too_large(), framed))?;
    }
    builder.finish()
}

/// Others return to all frames but the youngest; if that is in a call, it has a result.
fn check_kind(number: u32, kind: SuspendKind, result: Option<CallResult>) -> Result<(), BuildStackError> {
    match (number, kind) {
        (0, SuspendKind::Call) if result.is_none() => Err(BuildStackError::NoResult),
        (0, _) | (_, SuspendKind::Call) => Ok(()),
        _ => Err(BuildStackError::Frame { number, error: BuildFrameError::NotInCall { kind } }),
    }
}

/// `None`: there is no more room.
type Built<T> = Result<T, Option<BuildFrameError>>;

struct Builder<'b, M> {
    target: &'b StackTarget,
    memory: &'b M,
    /// From the top down.
    words: Vec<u64>,
    /// Index of the youngest saved frame pointer in `words`.
    frame_pointer: Option<usize>,
    registers: KnownRegisters,
}

impl<'b, M: StackMemory> Builder<'b, M> {
    fn new(target: &'b StackTarget, memory: &'b M) -> Result<Self, BuildStackError> {
        let top = target.top;
        if !top.is_multiple_of(16) || target.words.checked_mul(8).is_none_or(|bytes| bytes > top) {
            return Err(BuildStackError::BadTop { top });
        }
        let words = vec![0, 0, target.return_to];
        let builder = Self { target, memory, words, frame_pointer: None, registers: [None; 32] };
        if target.words < 3 { Err(builder.too_large()) } else { Ok(builder) }
    }

    fn too_large(&self) -> BuildStackError {
        BuildStackError::TooLarge { words: self.target.words }
    }

    fn push(&mut self, word: u64) -> Built<()> {
        if self.words.len() as u64 >= self.target.words {
            return Err(None);
        }
        self.words.push(word);
        Ok(())
    }

    /// The address of a word.
    fn address(&self, index: usize) -> u64 {
        self.target.top - (index as u64 + 1) * 8
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Built<()> {
        let caller = self.frame_pointer.map_or(0, |index| self.address(index));
        let saved = self.words.len();
        self.push(caller)?;
        self.frame_pointer = Some(saved);
        self.caller_slots(frame, saved)?;
        self.slots(frame, saved)?;
        self.frame_registers(frame)?;
        self.push(self.target.code_base.wrapping_add(frame.info.activate_offset))
    }

    /// Stack arguments lie in the caller's frame, which is there already. Two words up from the saved frame
    /// pointer is the first.
    fn caller_slots(&mut self, frame: &Frame<'_>, saved: usize) -> Built<()> {
        for (slot, value) in &frame.state.prev_frame {
            let word = match value {
                MachineValue::WasmStack(operand) => frame.operand(*operand)?,
                MachineValue::WasmLocal(local) => frame.local(*local)?,
                MachineValue::Undefined => continue,
                _ => return Err(Some(BuildFrameError::Misplaced)),
            };
            let at = index(*slot).checked_add(2).and_then(|up| saved.checked_sub(up));
            *at.and_then(|at| self.words.get_mut(at)).ok_or(BuildFrameError::Misplaced)? = word;
        }
        Ok(())
    }

    fn slots(&mut self, frame: &Frame<'_>, saved: usize) -> Built<()> {
        let shadow = frame.function.shadow_words().map_err(BuildFrameError::Map)?;
        for value in &frame.state.stack_values {
            if *value == MachineValue::ExplicitShadow {
                (0..shadow).try_for_each(|_| self.push(0))?;
            } else {
                let word = self.slot(frame, value, saved)?;
                self.push(word)?;
            }
        }
        if !frame.state.stack_values.contains(&MachineValue::ExplicitShadow) {
            (0..shadow).try_for_each(|_| self.push(0))?;
        }
        Ok(())
    }

    fn slot(&self, frame: &Frame<'_>, value: &MachineValue, saved: usize) -> Result<u64, BuildFrameError> {
        match value {
            MachineValue::Undefined => Ok(0),
            MachineValue::Vmctx => Ok(self.target.context),
            MachineValue::VmctxDeref(path) => self.through_context(path),
            MachineValue::PreserveRegister(register) => {
                let known = self.registers.get(index(register.0)).ok_or(BuildFrameError::Misplaced)?;
                Ok(known.unwrap_or(0))
            }
            MachineValue::CopyStackBPRelative(offset) => self.copy(*offset, saved),
            MachineValue::WasmStack(operand) => frame.operand(*operand),
            MachineValue::WasmLocal(local) => frame.local(*local),
            MachineValue::TwoHalves(low, high) => Ok(self.half(frame, low)? | self.half(frame, high)? << 32),
            MachineValue::ExplicitShadow => Err(BuildFrameError::Misplaced),
        }
    }

    fn copy(&self, offset: i32, saved: usize) -> Result<u64, BuildFrameError> {
        let out_of_reach = BuildFrameError::CopyOutOfReach { offset };
        let up = isize::try_from(offset / 8).map_err(|_| out_of_reach)?;
        let at = saved.checked_add_signed(-up).filter(|_| offset % 8 == 0);
        at.and_then(|at| self.words.get(at).copied()).ok_or(out_of_reach)
    }

    fn half(&self, frame: &Frame<'_>, half: &Half) -> Result<u64, BuildFrameError> {
        let value = match half {
            Half::Undefined => 0,
            Half::VmctxDeref(path) => self.through_context(path)? & u64::from(u32::MAX),
            Half::WasmStack(operand) => frame.operand(*operand)?,
            Half::WasmLocal(local) => frame.local(*local)?,
        };
        if value > u64::from(u32::MAX) { Err(BuildFrameError::Half { value }) } else { Ok(value) }
    }

    /// The context plus the first offset; for each further one, the word there plus it.
    fn through_context(&self, path: &[u64]) -> Result<u64, BuildFrameError> {
        let (first, rest) = path.split_first().ok_or(BuildFrameError::Misplaced)?;
        rest.iter().try_fold(self.target.context.wrapping_add(*first), |address, offset| {
            let word = self.memory.word(address).ok_or(BuildFrameError::Context { address })?;
            Ok(word.wrapping_add(*offset))
        })
    }

    /// Behind the slots: those save the caller's.
    fn frame_registers(&mut self, frame: &Frame<'_>) -> Built<()> {
        for (number, value) in frame.state.register_values.iter().enumerate() {
            let word = match value {
                MachineValue::Undefined => continue,
                MachineValue::Vmctx => self.target.context,
                MachineValue::VmctxDeref(path) => self.through_context(path)?,
                MachineValue::WasmStack(operand) => frame.operand(*operand)?,
                MachineValue::WasmLocal(local) => frame.local(*local)?,
                _ => return Err(Some(BuildFrameError::Misplaced)),
            };
            *self.registers.get_mut(number).ok_or(BuildFrameError::Misplaced)? = Some(word);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<BuiltStack, BuildStackError> {
        match self.target.result {
            Some(CallResult::Integer(bits)) => self.registers[RESULT] = Some(bits),
            Some(CallResult::Float(bits)) => self.registers[VECTOR_RESULT] = Some(bits),
            Some(CallResult::None) | None => {}
        }
        if self.target.words - (self.words.len() as u64) < SAVED_WORDS as u64 {
            return Err(self.too_large());
        }
        let frame_pointer = self.frame_pointer.map_or(0, |index| self.address(index));
        let Self { mut words, registers, target, .. } = self;
        let known = |register: usize| registers[register].unwrap_or(0);
        words.extend(SAVED_GPRS.into_iter().rev().map(known));
        words.push(frame_pointer);
        words.extend((16..32).rev().map(known));
        words.reverse();
        Ok(BuiltStack { start: target.top - words.len() as u64 * 8, words, registers })
    }
}
