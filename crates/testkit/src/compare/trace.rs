//! Code one instruction at a time, natively.

use midstride_control::{Left, PassagePace};
use midstride_frame::rflags;
use midstride_os::signal::{SIGTRAP, TRAP_TRACE};

use super::case::Case;
use super::machine::Machine;
use super::outcome::{End, Outcome};

/// The state behind each instruction, the start first.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) points: Vec<Outcome>,
    pub(crate) end: Stop,
}

/// Why a trace ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// The last point is out of the case, or in front of a system call.
    Left,
    /// It took as many steps as it may.
    Limit,
    /// The instruction at the last point raised this (a trap: the one before it).
    Signal(End),
}

/// What became of one step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stepped {
    Done,
    Signal(End),
}

impl Machine {
    /// One instruction at `pc`, with GS based at `gs`.
    pub(crate) fn step(&mut self, pc: u64, gs: u64) -> Stepped {
        let left = self.enter(pc, gs, PassagePace::OneInstruction);
        match left {
            Left::Signal { number: SIGTRAP, code: TRAP_TRACE, .. } => Stepped::Done,
            Left::Signal { number, code, address } => Stepped::Signal(self.signal(number, code, address)),
            left => panic!("a step ended by {left:?}"),
        }
    }

    /// The registers now.
    pub(crate) fn point(&mut self) -> Outcome {
        let mut point = Outcome::default();
        self.save_registers(&mut point);
        point.gpr.rflags &= !rflags::TF;
        point
    }

    /// Runs a case natively, from its start, for at most this many instructions.
    pub(crate) fn trace(&mut self, case: &Case, limit: usize) -> Trace {
        self.prepare(case);
        let mut points = vec![self.point()];
        loop {
            let pc = points[points.len() - 1].gpr.rip;
            if self.is_way_out(pc) || self.world.code_at(pc, 2) == SYSCALL {
                return Trace { points, end: Stop::Left };
            }
            if points.len() > limit {
                return Trace { points, end: Stop::Limit };
            }
            let stepped = self.step(pc, 0);
            points.push(self.point());
            if let Stepped::Signal(end) = stepped {
                return Trace { points, end: Stop::Signal(end) };
            }
        }
    }
}

const SYSCALL: [u8; 2] = [0x0f, 0x05];
