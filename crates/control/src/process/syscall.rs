//! System calls that a program makes in its task.

use midstride_frame::rflags;
use midstride_os::ptrace;
use midstride_relocate::Flow;

use super::machine::Process;
use super::run::Pace;
use super::task::{ESCAPED, Halt};
use crate::calls::{Abi, Reach};
use crate::event::Refusal;
use crate::machine::Stop;
use crate::point::CodePoint;
use crate::program::{InsnId, Node};

/// The kernel's own error numbers for calls that are to be made again: -512 to -516.
const RESTARTS: core::ops::RangeInclusive<i64> = -516..=-512;

/// What became of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Returned {
    /// It is done.
    Behind,
    /// It was interrupted and has to be made again.
    Again,
}

impl Process {
    /// Makes the system call that an instruction is.
    pub(super) fn make_system_call(&mut self, id: InsnId) -> Option<Stop> {
        let number = self.task.regs.rax;
        let node = self.programs.program().and_then(|program| program.node(id));
        let flow = node.map_or(Flow::Next, Node::flow);
        let Some(abi) = Abi::of(flow) else {
            return Some(Stop::Refused(id, Refusal::FarTransfer));
        };
        if abi.reach(number) == Reach::Escapes {
            return Some(Stop::Refused(id, Refusal::SystemCall { number }));
        }
        self.task.change(|regs| regs.rip = abi.site());
        match self.resume(Pace::OneInstruction) {
            Halt::Dead(death) => Some(self.died(death)),
            halt => match (halt, self.return_from_call(id, abi, number)) {
                (Halt::Signal, _) => Some(self.signal_in_call()),
                (Halt::Trap, Returned::Behind) => None,
                _ => Some(Stop::Called),
            },
        }
    }

    /// Puts the program behind the call, or in front of it when it has to be made again.
    fn return_from_call(&mut self, id: InsnId, abi: Abi, number: u64) -> Returned {
        let begun = self.task.regs.rip != abi.site();
        // The step ends even where the call is only interrupted; the signal then comes at the next.
        if !begun || RESTARTS.contains(&self.task.regs.rax.cast_signed()) {
            self.task.change(|regs| regs.rax = number);
            self.move_to(CodePoint::At(id));
            return Returned::Again;
        }
        if abi == Abi::Long {
            let behind = self.programs.map().and_then(|map| map.address_behind(id)).unwrap_or_default();
            // The step is not the program's.
            self.task.change(|regs| (regs.rcx, regs.r11) = (behind, regs.r11 & !rflags::TF));
        }
        self.move_to(self.programs.next(id));
        Returned::Behind
    }

    /// A signal that was sent while the child was in a system call.
    fn signal_in_call(&mut self) -> Stop {
        match ptrace::signal_info(self.task.child.pid) {
            Ok(info) => Stop::Fault { signal: info.signo, code: info.code, address: info.address() },
            Err(_) => self.died(ESCAPED),
        }
    }
}
