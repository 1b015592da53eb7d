//! What a child stopped for, in terms of the program.

use midstride_os::ptrace;
use midstride_os::signal::{SI_KERNEL, SigInfo};

use super::machine::Process;
use super::task::ESCAPED;
use crate::history::Age;
use crate::machine::Stop;
use crate::point::CodePoint;
use crate::program::InsnId;

/// What a trap was.
pub(super) enum Trap {
    /// It left the program, or reached a breakpoint or a system call.
    Stopped(Stop),
    /// It came from the code of a program that was replaced, and goes on in the current one.
    Moved,
    /// The program's own.
    Own(SigInfo),
}

impl Process {
    /// What the child stopped for by a trap that may be a breakpoint.
    pub(super) fn trap(&mut self) -> Trap {
        let info = match ptrace::signal_info(self.task.child.pid) {
            Ok(info) => info,
            Err(_) => return Trap::Stopped(self.died(ESCAPED)),
        };
        if info.code != SI_KERNEL {
            return Trap::Own(info);
        }
        match self.breakpoint(self.task.regs.rip.wrapping_sub(1)) {
            Some((point, trap)) => {
                self.move_to(point);
                trap
            }
            None => Trap::Own(info),
        }
    }

    /// What a breakpoint at an address means, and where the program is then; `None` when it is the program's own.
    fn breakpoint(&self, pc: u64) -> Option<(CodePoint, Trap)> {
        let found = self.programs.find(pc);
        let trap = match (found.age, found.point) {
            (Age::Replaced, _) => Trap::Moved,
            (Age::Current, CodePoint::Exit(exit)) => Trap::Stopped(Stop::Exit(exit)),
            (Age::Current, CodePoint::At(id)) if self.has_breakpoint(pc) => Trap::Stopped(Stop::Break(id)),
            (Age::Current, CodePoint::At(id)) if self.is_system_call(id) => Trap::Stopped(Stop::Syscall(id)),
            _ => return None,
        };
        Some((found.point, trap))
    }

    pub(super) fn is_system_call(&self, id: InsnId) -> bool {
        let node = self.programs.program().and_then(|program| program.node(id));
        node.is_some_and(crate::chain::is_system_call)
    }

    /// The stop for a signal that an instruction raised.
    pub(super) fn raised(&mut self, info: SigInfo) -> Stop {
        let raw = self.task.regs.rip;
        self.settle();
        let address = if info.address() == raw { self.task.regs.rip } else { info.address() };
        Stop::Fault { signal: info.signo, code: info.code, address }
    }

    /// The stop for whatever signal the child is about to get.
    pub(super) fn signalled(&mut self) -> Stop {
        match ptrace::signal_info(self.task.child.pid) {
            Ok(info) => self.raised(info),
            Err(_) => self.died(ESCAPED),
        }
    }

    /// Finds out where the program is. Inside of a copied instruction it is put in front of it or behind it.
    pub(super) fn settle(&mut self) {
        let found = self.programs.find(self.task.regs.rip);
        if let Some(gpr) = found.lost {
            let mut word = [0; 8];
            let read = midstride_os::process::read_memory(self.task.child.pid, self.task.slots, &mut word);
            if read == Ok(word.len()) {
                let mut gprs = self.task.regs.gprs();
                let register = midstride_frame::Register::gpr(gpr.number());
                if let Some(slot) = register.and_then(|register| gprs.get_mut(register)) {
                    *slot = u64::from_le_bytes(word);
                }
                self.task.change(|regs| regs.set_gprs(&gprs));
            }
        }
        self.move_to(found.point);
    }
}
