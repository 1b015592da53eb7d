//! Whether a map says something.

use alloc::vec::Vec;

use crate::machine::index;
use crate::machine::map::{FunctionStateMap, ModuleStateMap, SuspendKind, UNTRACKED};
use crate::machine::map_error::StateMapError;

impl FunctionStateMap {
    /// Whether everything that refers to something refers to something that is there.
    fn validate(&self, total_size: u64) -> Result<(), StateMapError> {
        self.shadow_words()?;
        self.validate_diffs()?;
        let kinds = [SuspendKind::Loop, SuspendKind::Call, SuspendKind::Trappable];
        for (&offset, info) in kinds.into_iter().flat_map(|kind| self.table(kind)) {
            if info.end_offset <= offset || info.end_offset.max(info.activate_offset) > total_size {
                return Err(StateMapError::BadOffset { offset });
            }
            if info.diff_id != UNTRACKED && info.diff_id >= self.diffs.len() as u64 {
                return Err(StateMapError::NoSuchDiff { diff: info.diff_id });
            }
        }
        let header = self.wasm_function_header_target_offset.iter();
        for &offset in header.chain(self.wasm_offset_to_target_offset.values()) {
            let known = self.table(offset.kind()).contains_key(&offset.offset());
            known.then_some(()).ok_or(StateMapError::NoSuchOffset { offset })?;
        }
        Ok(())
    }

    /// Follows heights instead of states: one step for each diff.
    fn validate_diffs(&self) -> Result<(), StateMapError> {
        let registers = self.initial.register_values.len() as u64;
        let initial = [self.initial.stack_values.len(), self.initial.wasm_stack.len()];
        let mut heights: Vec<[usize; 2]> = Vec::with_capacity(self.diffs.len());
        for (diff, step) in (0..).zip(&self.diffs) {
            let before = match step.last {
                None => initial,
                Some(last) if last < diff => heights[index(last)],
                Some(last) => return Err(StateMapError::DiffOrder { diff, last }),
            };
            let height = |before: usize, pop: u64, push: usize| {
                before
                    .checked_sub(index(pop))
                    .map(|left| left + push)
                    .ok_or(StateMapError::Underflow { diff })
            };
            let slots = height(before[0], step.stack_pop, step.stack_push.len())?;
            let operands = height(before[1], step.wasm_stack_pop, step.wasm_stack_push.len())?;
            heights.push([slots, operands]);
            if let Some((register, _)) = step.reg_diff.iter().find(|(register, _)| register.0 >= registers) {
                return Err(StateMapError::NoSuchRegister { diff, register: *register });
            }
        }
        Ok(())
    }
}

impl ModuleStateMap {
    /// Whether everything that refers to something refers to something that is there: for maps that come
    /// from outside. (Look-ups are total without it.)
    ///
    /// # Errors
    /// The first [`StateMapError`].
    pub fn validate(&self) -> Result<(), StateMapError> {
        let mut numbers: Vec<u64> = Vec::with_capacity(self.local_functions.len());
        for (&offset, function) in &self.local_functions {
            if offset >= self.total_size {
                return Err(StateMapError::BadOffset { offset });
            }
            function.validate(self.total_size)?;
            numbers.push(function.local_function_id);
        }
        numbers.sort_unstable();
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(StateMapError::SameFunction { function: pair[0] }),
            None => Ok(()),
        }
    }
}
