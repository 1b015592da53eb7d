//! The last instruction of a block: branches, calls, returns and what the gate must do.

use midstride_addr::{AppPc, CachePc};
use midstride_asm::{Cond, Gpr, Label, Mem, Scale, Width};
use midstride_relocate::{Counted, CounterWidth, Flow, Insn, load_target};

use super::{BuildError, Emitter, Rotate, Transactions};
use crate::exit::ExitKind;
use crate::record::{Restore, Where};
use crate::slots::{Door, Slot};
use crate::tables::INDIRECT_SHIFT;

/// The prefix that makes counted branches use ecx.
const ADDRESS_SIZE: u8 = 0x67;

impl Emitter<'_, '_> {
    /// Writes what stands for the block's last instruction.
    pub(super) fn transfer(&mut self, insn: &Insn) -> Result<(), BuildError> {
        let at = self.app_offset(insn.pc());
        self.record_here(at, Where::Fixed, Restore::NONE);
        let next = insn.next_pc();
        match insn.flow() {
            Flow::Jump { target } => self.exit_jump(target),
            Flow::Branch { cond, target } => self.branch(cond, target, next),
            Flow::Counted { kind, width, target } => self.counted(kind, width, target, next),
            Flow::Call { target } => {
                self.push_return(next)?;
                self.exit_jump(target)
            }
            Flow::Return { pop: 0 } => self.plain_return(at),
            Flow::Return { pop } => self.return_pop(at, pop),
            Flow::JumpIndirect => self.jump_indirect(insn, at),
            Flow::CallIndirect => self.call_indirect(insn, at),
            _ => self.no_branch(insn),
        }
    }

    /// Writes what stands for an instruction that is no near branch.
    fn no_branch(&mut self, insn: &Insn) -> Result<(), BuildError> {
        let (at, next) = (insn.pc(), insn.next_pc());
        match insn.flow() {
            Flow::Next if !self.env.emulates(insn) => self.exit_jump(next),
            Flow::Xbegin { target } if self.env.transactions == Transactions::Abort => {
                self.abort_transaction(target)
            }
            Flow::Xbegin { .. } => self.raise(insn),
            Flow::Syscall => self.leave_to_gate(Door::Syscall, at, next, ExitKind::Syscall),
            Flow::Breakpoint | Flow::DebugTrap | Flow::Raises | Flow::Interrupt { .. } => self.raise(insn),
            _ => self.leave_to_gate(Door::Emulate, at, next, ExitKind::Emulate),
        }
    }

    /// `jmp target`, through a stub until it is linked. When the target is placed right behind, the
    /// jump becomes a nop.
    pub(super) fn exit_jump(&mut self, target: AppPc) -> Result<(), BuildError> {
        let (stub, index) = self.direct_stub(target)?;
        self.record_here(index as u16, Where::ExitTarget, Restore::NONE);
        self.exits.set_tail(index, self.hot.pc());
        let site = self.hot.jmp_nop_patchable(stub);
        self.set_site(index, site);
        Ok(())
    }

    fn direct_stub(&mut self, target: AppPc) -> Result<(CachePc, usize), BuildError> {
        self.stub(Door::Direct, target, target, ExitKind::Direct)
    }

    fn branch(&mut self, cond: Cond, target: AppPc, next: AppPc) -> Result<(), BuildError> {
        let (stub, index) = self.direct_stub(target)?;
        let site = self.hot.jcc_patchable(cond, stub);
        self.set_site(index, site);
        self.exit_jump(next)
    }

    /// `loop taken; jmp next; taken: jmp target`: these branches have only a byte of reach.
    fn counted(
        &mut self,
        kind: Counted,
        width: CounterWidth,
        target: AppPc,
        next: AppPc,
    ) -> Result<(), BuildError> {
        let taken = self.hot.new_label();
        self.counted_short(kind, width, taken);
        self.far_side(next)?;
        self.hot.bind(taken);
        self.far_side(target)
    }

    fn counted_short(&mut self, kind: Counted, width: CounterWidth, taken: Label) {
        if width == CounterWidth::Ecx {
            self.hot.u8(ADDRESS_SIZE);
        }
        match kind {
            Counted::Loop => self.hot.loop_(taken),
            Counted::Loope => self.hot.loope(taken),
            Counted::Loopne => self.hot.loopne(taken),
            Counted::Rcxz => self.hot.jrcxz(taken),
        }
    }

    /// One side of a counted branch. The counter has changed, so the program is at `target`.
    fn far_side(&mut self, target: AppPc) -> Result<(), BuildError> {
        let (stub, index) = self.direct_stub(target)?;
        self.record_here(index as u16, Where::ExitTarget, Restore::NONE);
        let site = self.hot.jmp_patchable(stub);
        self.set_site(index, site);
        Ok(())
    }

    /// Pushes a return address with one store, so that the return's load is forwarded from it.
    fn push_return(&mut self, next: AppPc) -> Result<(), BuildError> {
        match i32::try_from(next.get()) {
            Ok(small) => self.hot.push_i(small),
            Err(_) => {
                let word = self.constant(next.get())?;
                self.hot.push_m(word);
            }
        }
        Ok(())
    }

    /// A return without an operand: the landing finds the target below the stack pointer.
    fn plain_return(&mut self, at: u16) -> Result<(), BuildError> {
        self.save_rcx(at);
        self.hot.movzx_rm16(Gpr::Rcx, Mem::base(Gpr::Rsp, 0));
        self.hot.lea(Width::W64, Gpr::Rsp, Mem::base(Gpr::Rsp, 8));
        self.record_here(at, Where::BelowStack, Restore::RCX);
        self.hot.jmp_m(Mem::index(Gpr::Rcx, Scale::X8, self.env.doors.returns));
        Ok(())
    }

    /// A return that drops arguments goes like an indirect jump.
    fn return_pop(&mut self, at: u16, pop: u16) -> Result<(), BuildError> {
        self.save_rcx(at);
        self.hot.mov_rm(Width::W64, Gpr::Rcx, Mem::base(Gpr::Rsp, 0));
        self.hot.mov_mr(Width::W64, self.env.slots.slot(Slot::Target), Gpr::Rcx);
        self.hot.lea(Width::W64, Gpr::Rsp, Mem::base(Gpr::Rsp, 8 + i32::from(pop)));
        self.dispatch_target();
        Ok(())
    }

    fn jump_indirect(&mut self, insn: &Insn, at: u16) -> Result<(), BuildError> {
        self.load_target(insn, at)?;
        self.dispatch_target();
        Ok(())
    }

    fn call_indirect(&mut self, insn: &Insn, at: u16) -> Result<(), BuildError> {
        self.load_target(insn, at)?;
        self.push_return(insn.next_pc())?;
        self.dispatch_target();
        Ok(())
    }

    fn load_target(&mut self, insn: &Insn, at: u16) -> Result<(), BuildError> {
        self.save_rcx(at);
        let plain = self.env.without_gs(insn);
        load_target(plain.as_ref().unwrap_or(insn), &mut self.hot, Gpr::Rcx)?;
        self.hot.mov_mr(Width::W64, self.env.slots.slot(Slot::Target), Gpr::Rcx);
        Ok(())
    }

    fn save_rcx(&mut self, at: u16) {
        self.hot.mov_mr(Width::W64, self.env.slots.slot(Slot::Rcx), Gpr::Rcx);
        self.record_here(at, Where::Fixed, Restore::RCX);
    }

    /// rcx holds the target, which is in its slot too: jumps through the table.
    fn dispatch_target(&mut self) {
        self.record_here(0, Where::TargetSlot, Restore::RCX);
        if self.env.rotate == Rotate::Rorx {
            // Functions begin at multiples of 16: bits above tell more.
            self.hot.rorx_rri(Width::W32, Gpr::Rcx, Gpr::Rcx, INDIRECT_SHIFT);
        }
        self.hot.movzx_rr16(Gpr::Rcx, Gpr::Rcx);
        self.hot.jmp_m(Mem::index(Gpr::Rcx, Scale::X8, self.env.doors.indirects));
    }

    /// A transaction may abort at any time for any reason: this one does at once, with no bit of the
    /// status set (Intel SDM volume 1, 16.3.5).
    fn abort_transaction(&mut self, target: AppPc) -> Result<(), BuildError> {
        self.hot.mov_ri(Gpr::Rax, 0);
        self.exit_jump(target)
    }

    /// An instruction that raises a signal: the handler, or a return from it, decides what follows.
    fn raise(&mut self, insn: &Insn) -> Result<(), BuildError> {
        self.hot.bytes(insn.bytes());
        self.exit_jump(insn.next_pc())
    }

    pub(super) fn raise_undefined(&mut self) -> Result<(), BuildError> {
        self.record_here(0, Where::Fixed, Restore::NONE);
        self.hot.ud2();
        Ok(())
    }

    /// Jumps to the program's own address.
    pub(super) fn leave_for(&mut self, target: AppPc) -> Result<(), BuildError> {
        self.record_here(0, Where::Fixed, Restore::NONE);
        let word = self.constant(target.get())?;
        self.hot.jmp_m(word);
        Ok(())
    }

    fn leave_to_gate(
        &mut self,
        door: Door,
        at: AppPc,
        target: AppPc,
        kind: ExitKind,
    ) -> Result<(), BuildError> {
        let (stub, _) = self.stub(door, at, target, kind)?;
        self.hot.jmp_to(stub);
        Ok(())
    }
}
