//! A frame of an image, beside the state that its code wants.

use crate::compact::Slot;
use crate::machine::build_error::BuildFrameError;
use crate::machine::diff::MachineState;
use crate::machine::dump::WasmFunctionStateDump;
use crate::machine::index;
use crate::machine::map::{FunctionStateMap, OffsetInfo, SuspendKind};
use crate::machine::value::WasmAbstractValue;

/// One frame of the image and the state its code wants.
pub(super) struct Frame<'f> {
    pub(super) function: &'f FunctionStateMap,
    dump: &'f WasmFunctionStateDump,
    pub(super) state: MachineState,
    pub(super) kind: SuspendKind,
    pub(super) info: OffsetInfo,
}

impl<'f> Frame<'f> {
    pub(super) fn new(
        function: &'f FunctionStateMap,
        dump: &'f WasmFunctionStateDump,
    ) -> Result<Self, BuildFrameError> {
        let operator = dump.wasm_inst_offset;
        let (kind, info) = function.target(operator)?.ok_or(BuildFrameError::NotSuspendable { operator })?;
        let state = function.state(info.diff_id)?;
        let visible = state.wasm_stack.len().checked_sub(index(state.wasm_stack_private_depth));
        let visible = visible.ok_or(BuildFrameError::Misplaced)?;
        same_size(Slot::Operand, visible, dump.stack.len())?;
        same_size(Slot::Local, function.locals.len(), dump.locals.len())?;
        Ok(Self { function, dump, state, kind, info })
    }

    pub(super) fn operand(&self, operand: u64) -> Result<u64, BuildFrameError> {
        let number = operand as u32;
        match self.state.wasm_stack.get(index(operand)).ok_or(BuildFrameError::Misplaced)? {
            WasmAbstractValue::Const(value) => Ok(*value),
            WasmAbstractValue::Runtime => {
                let value = self.dump.stack.get(index(operand));
                let value = value.ok_or(BuildFrameError::OperandTaken { operand: number })?;
                value.ok_or(BuildFrameError::Missing { slot: Slot::Operand(number) })
            }
        }
    }

    pub(super) fn local(&self, local: u64) -> Result<u64, BuildFrameError> {
        match self.function.locals.get(index(local)).ok_or(BuildFrameError::Misplaced)? {
            WasmAbstractValue::Const(value) => Ok(*value),
            WasmAbstractValue::Runtime => {
                let value = self.dump.locals.get(index(local)).copied().flatten();
                value.ok_or(BuildFrameError::Missing { slot: Slot::Local(local as u32) })
            }
        }
    }
}

fn same_size(slot: fn(u32) -> Slot, wanted: usize, found: usize) -> Result<(), BuildFrameError> {
    if wanted == found { Ok(()) } else { Err(BuildFrameError::Size { slot: slot(wanted.min(found) as u32) }) }
}
