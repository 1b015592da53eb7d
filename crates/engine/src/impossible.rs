//! Branches to addresses that no processor takes for one.
//!
//! The processor refuses such a branch where it stands. Here it has been made already when the engine sees its target, so
//! the branch is found again: a call left its return address, a jump its operand, and where several could have done
//! it, it is the one that ran for the first time. A return without an operand leaves nothing that tells it from
//! all others; in code that ran before it is said to fault at its target.

use midstride_addr::AppPc;
use midstride_asm::Gpr;
use midstride_block::{AppCode, BlockId, ExecBlock, Landing};
use midstride_relocate::{Flow, Insn, OperandPlace, operand_place, stack_effect};

use crate::code_map::insns;
use crate::context::{AppState, ThreadContext};
use crate::emulate::memory_operand;
use crate::engine::{Engine, Shared};
use crate::memory::read_app;
use crate::policy::Policy;

impl<P: Policy> Engine<P> {
    /// Takes back the indirect branch that has just gone to `target`, when no address is like that; answers
    /// whether the program is before it again.
    pub(crate) fn undo_impossible_branch(
        &self,
        cx: &mut ThreadContext,
        shared: &mut Shared,
        target: u64,
        landing: Landing,
    ) -> bool {
        if is_canonical(target) || !self.sees_steps() {
            return false;
        }
        let Some((state, block)) = self.find_branch(cx, shared, target, landing) else { return false };
        cx.state = state;
        // The next time it comes by way of the gate as well, and is found again.
        shared.cache.retire(block);
        true
    }

    /// The state before the branch, and its block.
    fn find_branch(
        &self,
        cx: &ThreadContext,
        shared: &Shared,
        target: u64,
        landing: Landing,
    ) -> Option<(AppState, BlockId)> {
        let Shared { code, cache, .. } = shared;
        let before = |(id, block): (BlockId, &ExecBlock)| {
            let branch = insns(code, block.app).last()?;
            state_before(&branch, &cx.state, target).map(|state| (state, id))
        };
        let fresh = BlockId::from_number(cx.fresh_block);
        let entered = cache.block(fresh).map(|block| (fresh, block));
        if landing == Landing::Return {
            return entered.and_then(|(id, block)| Some((returned(code, block, cx)?, id)));
        }
        let behind_call = word(cx.state.get(Gpr::Rsp)).map_or(AppPc::new(0), AppPc::new);
        cache
            .blocks_before(behind_call)
            .find_map(before)
            .or_else(|| entered.and_then(before))
            .or_else(|| only(cache.blocks().filter_map(before)))
    }
}

/// The state before the plain return at the end of the block that was entered last by way of the gate, if it can
/// have come through that block.
fn returned(code: &dyn AppCode, block: &ExecBlock, cx: &ThreadContext) -> Option<AppState> {
    let mut rsp = cx.fresh_rsp;
    for insn in insns(code, block.app) {
        if insn.flow() == (Flow::Return { pop: 0 }) {
            let state = AppState { pc: insn.pc().get(), ..cx.state };
            return (rsp.wrapping_add(8) == cx.state.get(Gpr::Rsp)).then(|| with_rsp(state, rsp));
        }
        rsp = rsp.wrapping_add_signed(stack_effect(&insn)?);
    }
    None
}

fn with_rsp(mut state: AppState, rsp: u64) -> AppState {
    state.set(Gpr::Rsp, rsp);
    state
}

/// Whether any processor takes it for an address, with four levels of page tables.
fn is_canonical(address: u64) -> bool {
    (address as i64) << 16 >> 16 == address as i64
}

fn word(address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    read_app(address, &mut bytes).ok().map(|()| u64::from_le_bytes(bytes))
}

/// The one that is there.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// The state before `branch`, if it can have led from there to `target` and to `state`.
fn state_before(branch: &Insn, state: &AppState, target: u64) -> Option<AppState> {
    let mut before = AppState { pc: branch.pc().get(), ..*state };
    let rsp = state.get(Gpr::Rsp);
    match branch.flow() {
        Flow::JumpIndirect => {}
        Flow::CallIndirect if word(rsp) == Some(branch.next_pc().get()) => {
            before.set(Gpr::Rsp, rsp.wrapping_add(8));
        }
        Flow::Return { pop: pop @ 1.. } => before.set(Gpr::Rsp, rsp.wrapping_sub(8 + u64::from(pop))),
        _ => return None,
    }
    let went_to = match operand_place(branch, 0, |reg| before.get(reg)) {
        _ if matches!(branch.flow(), Flow::Return { .. }) => word(before.get(Gpr::Rsp)),
        Some(OperandPlace::Register(reg)) => Some(before.get(reg)),
        _ => memory_operand(&before, branch, 0).and_then(word),
    };
    (went_to == Some(target)).then_some(before)
}

#[cfg(test)]
mod tests {
    use midstride_relocate::decode;

    use super::*;

    const AT: AppPc = AppPc::new(0x4000);
    const NOWHERE: u64 = 1 << 63;

    fn before(code: &[u8], state: &AppState) -> Option<AppState> {
        state_before(&decode(code, AT).expect("valid code"), state, NOWHERE)
    }

    #[test]
    fn addresses_repeat_their_highest_bit() {
        for address in [0, 0x7fff_ffff_ffff, u64::MAX, 0xffff_8000_0000_0000] {
            assert!(is_canonical(address), "{address:#x}");
        }
        for address in [1 << 47, 1 << 63, 0xffff_7fff_ffff_ffff] {
            assert!(!is_canonical(address), "{address:#x}");
        }
    }

    #[test]
    fn a_jump_is_known_by_its_operand() {
        let cell = NOWHERE;
        let mut state = AppState { pc: NOWHERE, ..AppState::default() };
        assert_eq!(before(&[0xff, 0xe0], &state), None, "rax is 0");
        state.set(Gpr::Rax, NOWHERE);
        state.set(Gpr::Rcx, (&raw const cell).expose_provenance() as u64);
        let expected = Some(AppState { pc: AT.get(), ..state });
        assert_eq!(before(&[0xff, 0xe0], &state), expected, "jmp rax");
        assert_eq!(before(&[0xff, 0x21], &state), expected, "jmp [rcx]");
        assert_eq!(before(&[0xff, 0xe2], &state), None, "jmp rdx");
    }

    #[test]
    fn a_call_or_a_return_gives_the_stack_pointer_back() {
        let stack = [NOWHERE, AT.get() + 2, 0];
        let at = |index: usize| (&raw const stack[index]).expose_provenance() as u64;
        let mut state = AppState { pc: NOWHERE, ..AppState::default() };
        state.set(Gpr::Rax, NOWHERE);
        state.set(Gpr::Rsp, at(1));
        let called = before(&[0xff, 0xd0], &state).expect("call rax");
        assert_eq!((called.get(Gpr::Rsp), called.pc), (at(2), AT.get()));
        state.set(Gpr::Rsp, at(2));
        let returned = before(&[0xc2, 8, 0], &state).expect("ret 8");
        assert_eq!((returned.get(Gpr::Rsp), returned.pc), (at(0), AT.get()));
        assert_eq!(before(&[0xc3], &state), None, "any return may have led there");
    }

    #[test]
    fn two_branches_that_can_have_led_there_are_none() {
        let [a, b] = [1, 2].map(|pc| AppState { pc, ..AppState::default() });
        assert_eq!(only([a].into_iter()), Some(a));
        assert_eq!(only([a, b].into_iter()), None);
    }
}
