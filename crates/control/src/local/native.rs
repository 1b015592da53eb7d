//! Running natively.

use midstride_frame::{Register, rflags};
use midstride_os::signal::{SI_KERNEL, SIGSEGV, SIGTRAP, TRAP_TRACE};

use super::frame::reason;
use super::generation::Care;
use super::guest::Guest;
use crate::history::Age;
use crate::machine::Stop;
use crate::point::CodePoint;
use crate::registers::is_canonical;

/// How a run is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// By itself.
    Free,
    /// By the trap flag.
    OneInstruction,
}

/// What ended a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Halt {
    /// It is to go on: it came from the code of a program that was replaced.
    Moved,
    /// The single step is done, or a breakpoint was reached that is none of the user's.
    Step,
    /// Something else.
    Stopped(Stop),
}

/// What the processor says of an address that cannot be one.
pub(crate) const NO_ADDRESS: Stop = Stop::Fault { signal: SIGSEGV, code: SI_KERNEL, address: 0 };

impl Guest {
    /// Runs natively from the current point.
    pub(crate) fn run_native(&mut self, pace: Pace) -> Halt {
        let door = self.gate.native.get();
        let frame = self.frame.get();
        let own = frame.gpr.rflags & rflags::TF;
        if !is_canonical(frame.gpr.rip) {
            return Halt::Stopped(NO_ADDRESS);
        }
        frame.target = frame.gpr.rip;
        if pace == Pace::OneInstruction {
            frame.gpr.rflags |= rflags::TF;
        }
        let call = std::sync::Arc::clone(&self.call);
        let why = call.deafened(|| self.enter(door));
        if pace == Pace::OneInstruction {
            let frame = self.frame.get();
            frame.gpr.rflags = frame.gpr.rflags & !rflags::TF | own;
        }
        self.halted(why, pace, own)
    }

    /// What a run ended for; `own` is the program's own trap flag.
    fn halted(&mut self, why: u32, pace: Pace, own: u64) -> Halt {
        match why {
            reason::CALLED => {
                self.settle();
                Halt::Stopped(Stop::Called)
            }
            reason::SIGNAL => self.signalled(pace, own),
            exit => Halt::Stopped(self.left(exit - reason::FIRST_EXIT)),
        }
    }

    /// The program came to an exit point, or to a system call.
    fn left(&mut self, number: u32) -> Stop {
        let exits =
            self.programs.map().map(|map| (map.exits().nth(number as usize), map.exits().len() as u32));
        match exits {
            None => Stop::Nowhere,
            Some((Some(exit), _)) => {
                self.set_point(CodePoint::Exit(exit));
                Stop::Exit(exit)
            }
            Some((None, count)) => {
                self.set_node(number - count);
                Stop::Syscall(self.id(number - count))
            }
        }
    }

    fn signalled(&mut self, pace: Pace, own: u64) -> Halt {
        let frame = self.frame.get();
        let (signal, raw) = (frame.signal, frame.gpr.rip);
        if (signal.number, signal.code) == (SIGTRAP, SI_KERNEL)
            && let Some(halt) = self.breakpoint(raw.wrapping_sub(1))
        {
            return halt;
        }
        self.settle();
        match (signal.number, signal.code, pace) {
            (SIGTRAP, TRAP_TRACE, Pace::OneInstruction) if own == 0 => Halt::Step,
            _ => Halt::Stopped(self.fault(signal, raw)),
        }
    }

    /// What a breakpoint at an address means; `None` when it is the program's own.
    fn breakpoint(&mut self, pc: u64) -> Option<Halt> {
        let found = self.programs.find(pc);
        if found.age == Age::Replaced {
            self.set_point(found.point);
            return Some(Halt::Moved);
        }
        let ours = self.programs.current()?.has_breakpoint(pc);
        let node = self.node_at(found.point).filter(|_| ours)?;
        self.set_node(node);
        Some(match self.entry(node).care {
            Care::Break => Halt::Stopped(Stop::Break(self.id(node))),
            _ => Halt::Step,
        })
    }

    /// Finds out where the program is. Inside of a copied instruction it is put in front of it or behind it.
    pub(crate) fn settle(&mut self) {
        let frame = self.frame.get();
        let found = self.programs.find(frame.gpr.rip);
        let lost = found.lost.and_then(|gpr| Register::gpr(gpr.number()));
        if let Some(register) = lost.and_then(|register| frame.gpr.get_mut(register)) {
            *register = frame.slots[0];
        }
        self.set_point(found.point);
    }
}
