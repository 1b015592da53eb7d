//! From a native stack to frames.

use alloc::vec::Vec;

use midstride_frame::Register;

use crate::limits;
use crate::machine::diff::MachineState;
use crate::machine::dump::{ExecutionStateImage, WasmFunctionStateDump};
use crate::machine::index;
use crate::machine::map::{FunctionStateMap, SuspendKind, Suspended};
use crate::machine::map_error::StateMapError;
use crate::machine::value::{Half, KnownRegisters, MachineValue, RegisterIndex, WasmAbstractValue};
use crate::machine::versions::{CodeVersions, Tier};

/// rbx, r12, r13, r14, r15 as they were when baseline code called optimized code.
pub type BoundaryRegisters = [u64; 5];

/// Whose they are.
const BOUNDARY: [Register; 5] = [Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];

/// A stopped thread's memory.
pub trait StackMemory {
    /// The 8 bytes at `address`; `None` when they cannot be read.
    fn word(&self, address: u64) -> Option<u64>;

    /// What was saved when a baseline frame called optimized code; `stack_pointer` is rsp in that frame when
    /// the call has returned, so each crossing has its own. `None`: nobody saved it, the registers are not
    /// known.
    fn boundary(&self, stack_pointer: u64) -> Option<BoundaryRegisters> {
        let _ = stack_pointer;
        None
    }
}

/// Where a thread stopped.
#[derive(Clone, Copy, Debug)]
pub struct StackStart {
    /// rsp.
    pub stack_pointer: u64,
    /// Registers.
    pub registers: KnownRegisters,
    /// The address it stopped at, and why; `None`: in a call whose return address is on top of the stack.
    pub stopped: Option<(u64, SuspendKind)>,
    /// The most frames to read.
    pub max_depth: u32,
}

impl StackStart {
    /// At the top of a stack, in a call.
    #[must_use]
    pub fn in_call(stack_pointer: u64, registers: KnownRegisters) -> Self {
        Self { stack_pointer, registers, stopped: None, max_depth: limits::FRAMES }
    }
}

/// Why no more frames were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StackEnd {
    /// No table has this address: usually the code that called the oldest function.
    Unknown {
        /// The return address.
        address: u64,
    },
    /// As many were read as were asked for.
    MaxDepth,
    /// The stack cannot be read.
    Unreadable {
        /// Where.
        address: u64,
    },
    /// The frame's map contradicts itself.
    Broken(StateMapError),
    /// The frame's map puts a value where it cannot be: an operand or local that does not exist, a caller's
    /// register in a register.
    Misplaced {
        /// The function's number.
        function: u64,
    },
}

/// What a stack held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StackRead {
    /// The frames, youngest first.
    pub image: ExecutionStateImage,
    /// Why there are no more.
    pub end: StackEnd,
}

/// Reads the frames of a stack, youngest first, as far as it is understood. Values that nobody knows are
/// `None`.
pub fn read_stack(versions: &CodeVersions<'_>, start: &StackStart, memory: &impl StackMemory) -> StackRead {
    let mut walk = Walk {
        versions,
        memory,
        stack_pointer: start.stack_pointer,
        registers: start.registers,
        younger: Tier::Baseline,
    };
    let mut frames = Vec::new();
    let mut stopped = start.stopped;
    let end = loop {
        if frames.len() as u64 >= u64::from(start.max_depth) {
            break StackEnd::MaxDepth;
        }
        match walk.frame(stopped.take()) {
            Ok(frame) => frames.push(frame),
            Err(end) => break end,
        }
    };
    StackRead { image: ExecutionStateImage { frames }, end }
}

struct Walk<'w, 'm, M> {
    versions: &'w CodeVersions<'m>,
    memory: &'w M,
    stack_pointer: u64,
    registers: KnownRegisters,
    /// Of the frame that was read before.
    younger: Tier,
}

impl<M: StackMemory> Walk<'_, '_, M> {
    fn frame(&mut self, stopped: Option<(u64, SuspendKind)>) -> Result<WasmFunctionStateDump, StackEnd> {
        let (address, kind) = match stopped {
            Some(stopped) => stopped,
            None => (self.pop()?, SuspendKind::Call),
        };
        let found = self.versions.lookup(address, kind).ok_or(StackEnd::Unknown { address })?;
        let (tier, Suspended { function, .. }) = found;
        let state = found.1.state().map_err(StackEnd::Broken)?;
        if tier == Tier::Baseline && self.younger == Tier::Optimized {
            self.cross_boundary();
        }
        self.younger = tier;
        let mut values = Values::new(function, &state);
        self.read_registers(&state, &mut values)?;
        self.read_slots(function, &state, &mut values)?;
        self.read_caller_slots(&state, &mut values)?;
        self.pop()?; // the saved frame pointer
        values.finish(state.wasm_stack_private_depth, state.wasm_inst_offset)
    }

    fn pop(&mut self) -> Result<u64, StackEnd> {
        let address = self.stack_pointer;
        let word = self.memory.word(address).ok_or(StackEnd::Unreadable { address })?;
        self.stack_pointer = address.wrapping_add(8);
        Ok(word)
    }

    fn cross_boundary(&mut self) {
        let saved = self.memory.boundary(self.stack_pointer);
        for (number, register) in BOUNDARY.into_iter().enumerate() {
            if let Some(at) = RegisterIndex::new(register) {
                self.registers[index(at.0)] = saved.map(|saved| saved[number]);
            }
        }
    }

    /// Before the slots: those bring back the caller's registers.
    fn read_registers(&self, state: &MachineState, values: &mut Values<'_>) -> Result<(), StackEnd> {
        let known = self.registers.iter().copied().chain(core::iter::repeat(None));
        for (value, known) in state.register_values.iter().zip(known) {
            match value {
                MachineValue::WasmStack(operand) => values.operand(*operand, known)?,
                MachineValue::WasmLocal(local) => values.local(*local, known)?,
                MachineValue::Undefined | MachineValue::Vmctx | MachineValue::VmctxDeref(_) => {}
                _ => return Err(values.misplaced()),
            }
        }
        Ok(())
    }

    fn read_slots(
        &mut self,
        function: &FunctionStateMap,
        state: &MachineState,
        values: &mut Values<'_>,
    ) -> Result<(), StackEnd> {
        let shadow = function.shadow_words().map_err(StackEnd::Broken)? * 8;
        if !state.stack_values.contains(&MachineValue::ExplicitShadow) {
            self.stack_pointer = self.stack_pointer.wrapping_add(shadow);
        }
        for value in state.stack_values.iter().rev() {
            if *value == MachineValue::ExplicitShadow {
                self.stack_pointer = self.stack_pointer.wrapping_add(shadow);
                continue;
            }
            let word = self.pop()?;
            if let MachineValue::PreserveRegister(register) = value {
                let slot = self.registers.get_mut(index(register.0));
                *slot.ok_or(values.misplaced())? = Some(word);
            } else {
                values.slot(value, word)?;
            }
        }
        Ok(())
    }

    /// The stack pointer is at the saved frame pointer; the return address is above it.
    fn read_caller_slots(&self, state: &MachineState, values: &mut Values<'_>) -> Result<(), StackEnd> {
        for (slot, value) in &state.prev_frame {
            let offset =
                slot.checked_add(2).and_then(|words| words.checked_mul(8)).ok_or(values.misplaced())?;
            let address = self.stack_pointer.wrapping_add(offset);
            let word = self.memory.word(address).ok_or(StackEnd::Unreadable { address })?;
            match value {
                MachineValue::WasmStack(_) | MachineValue::WasmLocal(_) | MachineValue::Undefined => {
                    values.slot(value, word)?;
                }
                _ => return Err(values.misplaced()),
            }
        }
        Ok(())
    }
}

/// The frame as far as it is known.
struct Values<'m> {
    function: &'m FunctionStateMap,
    operands: Vec<Option<u64>>,
    locals: Vec<Option<u64>>,
}

impl<'m> Values<'m> {
    fn new(function: &'m FunctionStateMap, state: &MachineState) -> Self {
        let constant = |value: &WasmAbstractValue| match value {
            WasmAbstractValue::Const(value) => Some(*value),
            WasmAbstractValue::Runtime => None,
        };
        Self {
            function,
            operands: state.wasm_stack.iter().map(constant).collect(),
            locals: function.locals.iter().map(constant).collect(),
        }
    }

    fn misplaced(&self) -> StackEnd {
        StackEnd::Misplaced { function: self.function.local_function_id }
    }

    fn operand(&mut self, operand: u64, value: Option<u64>) -> Result<(), StackEnd> {
        let misplaced = self.misplaced();
        *self.operands.get_mut(index(operand)).ok_or(misplaced)? = value;
        Ok(())
    }

    fn local(&mut self, local: u64, value: Option<u64>) -> Result<(), StackEnd> {
        let misplaced = self.misplaced();
        *self.locals.get_mut(index(local)).ok_or(misplaced)? = value;
        Ok(())
    }

    fn slot(&mut self, value: &MachineValue, word: u64) -> Result<(), StackEnd> {
        match value {
            MachineValue::WasmStack(operand) => self.operand(*operand, Some(word)),
            MachineValue::WasmLocal(local) => self.local(*local, Some(word)),
            MachineValue::TwoHalves(low, high) => {
                self.half(low, word & u64::from(u32::MAX))?;
                self.half(high, word >> 32)
            }
            _ => Ok(()),
        }
    }

    fn half(&mut self, half: &Half, value: u64) -> Result<(), StackEnd> {
        match half {
            Half::WasmStack(operand) => self.operand(*operand, Some(value)),
            Half::WasmLocal(local) => self.local(*local, Some(value)),
            Half::Undefined | Half::VmctxDeref(_) => Ok(()),
        }
    }

    fn finish(mut self, private: u64, wasm_inst_offset: u64) -> Result<WasmFunctionStateDump, StackEnd> {
        let visible = self.operands.len().checked_sub(index(private)).ok_or(self.misplaced())?;
        self.operands.truncate(visible);
        Ok(WasmFunctionStateDump {
            local_function_id: self.function.local_function_id,
            wasm_inst_offset,
            stack: self.operands,
            locals: self.locals,
        })
    }
}
