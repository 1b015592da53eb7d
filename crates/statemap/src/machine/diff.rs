//! Machine states and what changes from one to the next.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::machine::index;
use crate::machine::map_error::StateMapError;
use crate::machine::value::{FUNCTION_HEADER, MachineValue, RegisterIndex, WasmAbstractValue};

/// What every slot of a frame and every register holds, and how much of the operand stack there is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MachineState {
    /// Slots of the frame from high to low addresses, the first right below the saved frame pointer.
    pub stack_values: Vec<MachineValue>,
    /// By [`RegisterIndex`].
    pub register_values: Vec<MachineValue>,
    /// Slots of the caller's frame: 8-byte units above the return address.
    pub prev_frame: BTreeMap<u64, MachineValue>,
    /// The operand stack, bottom first.
    pub wasm_stack: Vec<WasmAbstractValue>,
    /// So many operands at the top are not there yet for the program, like the result of a division that
    /// may still trap.
    pub wasm_stack_private_depth: u64,
    /// Number of the operator in the function, or [`FUNCTION_HEADER`].
    pub wasm_inst_offset: u64,
}

impl MachineState {
    /// At a function's header: empty, with 16 general and 8 vector registers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            stack_values: Vec::new(),
            register_values: vec![MachineValue::Undefined; 16 + 8],
            prev_frame: BTreeMap::new(),
            wasm_stack: Vec::new(),
            wasm_stack_private_depth: 0,
            wasm_inst_offset: FUNCTION_HEADER,
        }
    }

    /// What makes `old` this state. A register that `old` lacks counts as undefined there.
    #[must_use]
    pub fn diff(&self, old: &Self) -> MachineStateDiff {
        let stack = common_prefix(&self.stack_values, &old.stack_values);
        let operands = common_prefix(&self.wasm_stack, &old.wasm_stack);
        let removed = old.prev_frame.keys().filter(|slot| !self.prev_frame.contains_key(slot));
        let set = self.prev_frame.iter().filter(|(slot, value)| old.prev_frame.get(slot) != Some(value));
        MachineStateDiff {
            last: None,
            stack_push: self.stack_values[stack..].to_vec(),
            stack_pop: (old.stack_values.len() - stack) as u64,
            reg_diff: self.register_diff(old),
            prev_frame_diff: removed
                .map(|slot| (*slot, None))
                .chain(set.map(|(slot, value)| (*slot, Some(value.clone()))))
                .collect(),
            wasm_stack_push: self.wasm_stack[operands..].to_vec(),
            wasm_stack_pop: (old.wasm_stack.len() - operands) as u64,
            wasm_stack_private_depth: self.wasm_stack_private_depth,
            wasm_inst_offset: self.wasm_inst_offset,
        }
    }

    fn register_diff(&self, old: &Self) -> Vec<(RegisterIndex, MachineValue)> {
        let before = old.register_values.iter().chain(core::iter::repeat(&MachineValue::Undefined));
        let pairs = (0..).zip(self.register_values.iter().zip(before));
        let changed = pairs.filter(|(_, (new, old))| new != old);
        changed.map(|(number, (new, _))| (RegisterIndex(number), new.clone())).collect()
    }

    /// Takes one step; `diff` is its number for errors.
    pub(super) fn apply(&mut self, diff: u64, step: &MachineStateDiff) -> Result<(), StateMapError> {
        let short = StateMapError::Underflow { diff };
        let keep = self.stack_values.len().checked_sub(index(step.stack_pop)).ok_or(short)?;
        let operands = self.wasm_stack.len().checked_sub(index(step.wasm_stack_pop)).ok_or(short)?;
        for (register, value) in &step.reg_diff {
            let slot = self.register_values.get_mut(index(register.0));
            *slot.ok_or(StateMapError::NoSuchRegister { diff, register: *register })? = value.clone();
        }
        self.stack_values.truncate(keep);
        self.stack_values.extend_from_slice(&step.stack_push);
        self.wasm_stack.truncate(operands);
        self.wasm_stack.extend_from_slice(&step.wasm_stack_push);
        for (slot, value) in &step.prev_frame_diff {
            match value {
                Some(value) => drop(self.prev_frame.insert(*slot, value.clone())),
                None => drop(self.prev_frame.remove(slot)),
            }
        }
        self.wasm_stack_private_depth = step.wasm_stack_private_depth;
        self.wasm_inst_offset = step.wasm_inst_offset;
        Ok(())
    }
}

impl Default for MachineState {
    fn default() -> Self {
        Self::new()
    }
}

fn common_prefix<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// What changes from one [`MachineState`] to another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MachineStateDiff {
    /// The diff whose state this one starts from, an earlier one; none: the function's initial state.
    pub last: Option<u64>,
    /// Slots pushed, after the pops.
    pub stack_push: Vec<MachineValue>,
    /// Slots popped.
    pub stack_pop: u64,
    /// Registers that hold something else.
    pub reg_diff: Vec<(RegisterIndex, MachineValue)>,
    /// Slots of the caller's frame that hold something else; `None` for nothing any more.
    pub prev_frame_diff: BTreeMap<u64, Option<MachineValue>>,
    /// Operands pushed, after the pops.
    pub wasm_stack_push: Vec<WasmAbstractValue>,
    /// Operands popped.
    pub wasm_stack_pop: u64,
    /// As in the state; no difference.
    pub wasm_stack_private_depth: u64,
    /// As in the state; no difference.
    pub wasm_inst_offset: u64,
}
