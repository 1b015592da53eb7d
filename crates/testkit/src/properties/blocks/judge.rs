//! Comparing blocks with the program bytes they stand for.

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};
use midstride_addr::{AppPc, CachePc};
use midstride_block::{BlockId, Draft, End, ExecBlock, ExitKind, PcSource, Restore, SlotBase, Transactions};
use midstride_relocate::{Flow, Insn};

use super::super::code::{Emitted, constant};
use super::world::World;

/// Instructions that a counting probe may take.
const PROBE: usize = 5;

impl World {
    /// Judges the cache's own tables and every live block.
    pub(super) fn judge(&mut self) {
        if let Err(broken) = self.cache.check() {
            panic!("{broken}: {broken:?}");
        }
        for id in self.live() {
            let block = *self.cache.block(id).expect("live blocks exist");
            assert_eq!(self.cache.lookup(block.app.start()), Some(id), "a live block is found");
            let hot = self.read(block.hot, block.hot_bytes.into());
            let cold = self.read(block.cold, block.cold_bytes.into());
            let app = self.app.bytes(block.app.start())[..block.app.len() as usize].to_vec();
            let from_pc = block.app.start().get();
            let hot = Emitted { from: &app, from_pc, code: &hot, origin: block.hot };
            let cold = Emitted { from: &app, from_pc, code: &cold, origin: block.cold };
            self.judge_block(id, &block, &hot, &cold);
        }
    }

    fn judge_block(&mut self, id: BlockId, block: &ExecBlock, hot: &Emitted<'_>, cold: &Emitted<'_>) {
        let mut draft = Draft::empty();
        draft.read(self.app.bytes(block.app.start()), block.app.start(), usize::from(block.insns).max(1));
        let insns = hot.decoded();
        for insn in insns.iter().chain(&cold.decoded()) {
            let found = self.cache.find(CachePc::new(insn.ip()));
            assert!(found.is_some_and(|found| found.block == id), "no meaning of {:#x}\n{hot}", insn.ip());
        }
        let body = insns.iter().position(|insn| insn.ip() == block.body.get());
        let body =
            &insns[body.unwrap_or_else(|| panic!("no instruction at the body {}\n{hot}", block.body))..];
        let stale =
            self.exits(id).into_iter().map(|(_, exit)| exit).find(|exit| exit.kind == ExitKind::Stale);
        let body = stale.map_or(body, |exit| behind_check(body, exit.stub));
        let last = draft.steps().last().map(|step| *step.insn());
        let last = last.filter(|last| draft.end() == End::Transfer || self.is_emulated(last));
        let rest = self.judge_copies(&draft, draft.len() - usize::from(last.is_some()), body, hot);
        self.judge_exits(id, last.as_ref(), &draft, hot);
        self.judge_branches(id, block, rest, hot);
        self.judge_pushes(last.as_ref(), rest, hot);
    }

    /// Whether the engine carries the instruction out, although it falls through: GS is not the program's.
    fn is_emulated(&self, insn: &Insn) -> bool {
        self.slots == SlotBase::Gs && insn.gs_use().is_some()
    }

    /// The first `copied` instructions have their copies, in order; answers what is behind the last copy.
    fn judge_copies<'i>(
        &self,
        draft: &Draft,
        copied: usize,
        mut body: &'i [Instruction],
        hot: &Emitted<'_>,
    ) -> &'i [Instruction] {
        let mut allowance = if self.probe.is_some() { PROBE } else { 0 };
        for step in draft.steps().take(copied) {
            let plain = step.insn().without_gs().filter(|_| self.slots == SlotBase::Gs);
            let meant = plain.as_ref().unwrap_or(step.insn());
            let copy =
                (0..=allowance).find_map(|skipped| Some((skipped, copy_of(meant, body.get(skipped..)?)?)));
            let Some((skipped, copy)) = copy else { panic!("no copy of {:?}\n{hot}", step.insn()) };
            allowance -= skipped;
            self.judge_meaning(step.insn(), &body[skipped..][..copy.len], copy.done, hot);
            body = &body[skipped + copy.len..];
        }
        body
    }

    /// Up to the copied instruction the program is at its start, behind it at its end.
    fn judge_meaning(&self, insn: &Insn, copy: &[Instruction], done: usize, hot: &Emitted<'_>) {
        for (index, part) in copy.iter().enumerate() {
            let translation = self.cache.find(CachePc::new(part.ip())).expect("looked at before").translation;
            let pc = if index < done { insn.pc() } else { insn.next_pc() };
            assert_eq!(translation.pc, PcSource::Known(pc), "at {:#x}\n{hot}", part.ip());
            let is_whole = copy.len() == 1 || index == 0;
            assert!(!is_whole || translation.restore == Restore::NONE, "at {:#x}\n{hot}", part.ip());
        }
    }

    /// The exits lead where the last instruction does.
    fn judge_exits(&self, id: BlockId, last: Option<&Insn>, draft: &Draft, hot: &Emitted<'_>) {
        let exits = self.exits(id).into_iter().map(|(_, exit)| exit);
        let exits = exits.filter(|exit| exit.kind != ExitKind::Stale);
        let mut found: Vec<(bool, AppPc)> =
            exits.map(|exit| (exit.kind == ExitKind::Direct, exit.target)).collect();
        let mut wanted = wanted_exits(last, draft, self.transactions);
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "other exits of {last:?}\n{hot}");
    }

    /// Every direct branch leads to the block's own code, to its stubs, or to the live block it is linked to.
    fn judge_branches(&mut self, id: BlockId, block: &ExecBlock, rest: &[Instruction], hot: &Emitted<'_>) {
        let linked: Vec<CachePc> =
            self.exits(id).iter().filter_map(|(_, exit)| exit.linked).map(|to| self.body_of(to)).collect();
        let own = [(block.hot, u64::from(block.hot_bytes)), (block.cold, u64::from(block.cold_bytes))];
        for branch in rest.iter().filter(|insn| is_near_branch(insn)) {
            let target = branch.near_branch_target();
            let is_own = own.iter().any(|&(start, len)| target.wrapping_sub(start.get()) < len);
            let is_linked = linked.contains(&CachePc::new(target));
            assert!(is_own || is_linked, "{:#x} leads nowhere\n{hot}", branch.ip());
        }
    }

    fn body_of(&self, id: BlockId) -> CachePc {
        let live = self.live().contains(&id);
        assert!(live, "linked to a block that is not live");
        self.cache.block(id).expect("live blocks exist").body
    }

    /// A call pushes the program's return address, at once.
    fn judge_pushes(&mut self, last: Option<&Insn>, rest: &[Instruction], hot: &Emitted<'_>) {
        let Some(call) = last.filter(|insn| matches!(insn.flow(), Flow::Call { .. } | Flow::CallIndirect))
        else {
            return;
        };
        let pushes: Vec<&Instruction> =
            rest.iter().filter(|insn| insn.mnemonic() == Mnemonic::Push).collect();
        let [push] = pushes[..] else { panic!("a call pushes once\n{hot}") };
        let pushed = match push.op0_kind() {
            OpKind::Memory => {
                let word = self.read(CachePc::new(push.ip_rel_memory_address()), 8);
                u64::from_le_bytes(word.try_into().expect("eight bytes were read"))
            }
            _ => push.immediate(0),
        };
        assert_eq!(pushed, call.next_pc().get(), "another return address\n{hot}");
    }
}

/// What is behind the comparison of a block that looks out for changes: it jumps to `stale` for each piece of the
/// program's code, and puts rcx back when it used it.
fn behind_check(body: &[Instruction], stale: CachePc) -> &[Instruction] {
    let jumps = |insn: &Instruction| is_near_branch(insn) && insn.near_branch_target() == stale.get();
    let last = body.iter().rposition(jumps).expect("a comparison has a way out");
    let borrows = body[0].mnemonic() == Mnemonic::Mov && body[0].op1_register() == Register::RCX;
    &body[last + 1 + usize::from(borrows)..]
}

/// The exits a block must have, direct ones marked.
fn wanted_exits(last: Option<&Insn>, draft: &Draft, transactions: Transactions) -> Vec<(bool, AppPc)> {
    let end = draft.range().end();
    let Some(last) = last else {
        let stays = draft.is_empty() && draft.end() != End::Full;
        return if stays { Vec::new() } else { vec![(true, end)] };
    };
    let next = last.next_pc();
    match last.flow() {
        Flow::Xbegin { .. } if transactions == Transactions::Undefined => vec![(true, next)],
        Flow::Jump { target } | Flow::Call { target } | Flow::Xbegin { target } => vec![(true, target)],
        Flow::Branch { target, .. } | Flow::Counted { target, .. } => vec![(true, target), (true, next)],
        Flow::JumpIndirect | Flow::CallIndirect | Flow::Return { .. } => Vec::new(),
        Flow::Breakpoint | Flow::DebugTrap | Flow::Raises | Flow::Interrupt { .. } => vec![(true, next)],
        _ => vec![(false, next)],
    }
}

fn is_near_branch(insn: &Instruction) -> bool {
    let flow = insn.flow_control();
    matches!(flow, FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch | FlowControl::Call)
        && insn.op0_kind() == OpKind::NearBranch64
}

/// How many instructions stand for a copied one, and how many of them before it is done.
struct Copy {
    len: usize,
    done: usize,
}

/// The copy of `insn` at the start of `code`: the same bytes, or the same meaning, or
/// `[mov slot, reg]  mov reg, address  insn [reg]  [mov reg, slot]`.
fn copy_of(insn: &Insn, code: &[Instruction]) -> Option<Copy> {
    let original = insn.iced();
    let first = code.first()?;
    if !original.is_ip_rel_memory_operand() {
        return (first == original).then_some(Copy { len: 1, done: 1 });
    }
    if is_patched(original, first) {
        return Some(Copy { len: 1, done: 1 });
    }
    let through =
        |at: usize| code.get(at).is_some_and(|copy| is_through_register(original, &code[at - 1], copy));
    if through(1) {
        return Some(Copy { len: 2, done: 2 });
    }
    let [save, _, copy, load, ..] = code else { return None };
    let moves = [save.mnemonic(), load.mnemonic()] == [Mnemonic::Mov; 2];
    let slot = moves
        && [save.op0_kind(), load.op1_kind()] == [OpKind::Memory; 2]
        && [save.memory_base(), load.memory_base()] == [Register::None; 2]
        && save.memory_displacement64() == load.memory_displacement64();
    let kept = slot && [save.op1_register(), load.op0_register()] == [copy.memory_base(); 2];
    (kept && through(2)).then_some(Copy { len: 4, done: 3 })
}

/// Whether `copy` means the same address (of which a narrow `lea` keeps the lower half only).
fn is_patched(original: &Instruction, copy: &Instruction) -> bool {
    let target = original.ip_rel_memory_address();
    let is_lea = original.mnemonic() == Mnemonic::Lea;
    if is_lea && constant(copy) == Some((original.op0_register().full_register(), target)) {
        return true;
    }
    let mut wanted = *original;
    if is_lea && original.op0_register().size() < 8 {
        wanted.set_memory_displacement64(copy.memory_displacement64() >> 32 << 32 | target & 0xffff_ffff);
    }
    *copy == wanted
}

/// Whether `mov` loads the address and `copy` uses it in place of rip.
fn is_through_register(original: &Instruction, mov: &Instruction, copy: &Instruction) -> bool {
    let mut wanted = *original;
    wanted.set_memory_base(copy.memory_base());
    wanted.set_memory_displacement64(0);
    wanted.set_memory_displ_size(copy.memory_displ_size());
    constant(mov) == Some((copy.memory_base(), original.ip_rel_memory_address())) && *copy == wanted
}
