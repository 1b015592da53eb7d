//! What a backend has to do; everything else is the same for all.

use std::collections::BTreeMap;

use midstride_frame::Register;

use crate::condition::Condition;
use crate::controller::{Capture, Visit};
use crate::error::{ControlError, LoadError};
use crate::event::{Death, Refusal};
use crate::point::{CodePoint, ExitPoint};
use crate::program::{InsnId, Program};
use crate::registers::Registers;

/// Breakpoints by instruction.
pub(crate) type Breaks = BTreeMap<InsnId, Option<Condition>>;

/// What is to be run.
#[derive(Default)]
pub(crate) struct Order {
    /// Whether what stands at the current point was reported already: its breakpoint, or its system call.
    /// Cleared by the first instruction that is carried out.
    pub(crate) reported: bool,
    /// How many instructions; `None` for all.
    pub(crate) steps: Option<u64>,
    /// Who sees each of them.
    pub(crate) trace: Option<(Capture, Visit)>,
}

impl Order {
    /// Whether each instruction matters by itself.
    pub(crate) fn is_counted(&self) -> bool {
        self.steps.is_some() || self.trace.is_some()
    }

    /// Counts one instruction; says whether it was the last.
    pub(crate) fn is_last_step(&mut self) -> bool {
        self.steps = self.steps.map(|left| left.saturating_sub(1));
        self.steps == Some(0)
    }
}

/// Why a machine does not run any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// It left the program.
    Exit(ExitPoint),
    /// There is a breakpoint in front of the instruction at the current point.
    Break(InsnId),
    /// There is a system call at the current point.
    Syscall(InsnId),
    /// A signal.
    Fault { signal: i32, code: i32, address: u64 },
    /// All steps are done.
    Stepped,
    /// Somebody wants something.
    Called,
    /// It cannot run this.
    Refused(InsnId, Refusal),
    /// It is gone; the next thing to run is run in a new one.
    Killed(Death),
    /// The point is none to run from.
    Nowhere,
}

/// A backend, owned by the thread that runs it.
pub(crate) trait Machine {
    /// Makes the thread ready to run programs.
    fn sit(&mut self) {}

    /// Leaves the thread as it was; nothing is run until it sits again.
    fn rise(&mut self) {}

    fn load(&mut self, program: &Program) -> Result<(), LoadError>;

    /// The program that is loaded.
    fn program(&self) -> Option<&Program>;

    fn point(&mut self) -> CodePoint;

    /// Moves to a point of the program, which was checked to have it.
    fn set_point(&mut self, point: CodePoint);

    /// Where an exit leads in the program that is loaded now; the exit itself if nowhere.
    fn behind(&self, exit: ExitPoint) -> CodePoint;

    fn address_of(&self, point: CodePoint) -> Option<u64>;

    fn locate(&self, pc: u64) -> CodePoint;

    fn registers(&mut self) -> Registers;

    fn set_registers(&mut self, registers: &Registers) -> Result<(), ControlError>;

    /// One register, without the cost of all.
    fn word(&mut self, register: Register) -> Option<u64>;

    fn set_breaks(&mut self, breaks: &Breaks);

    /// Runs as ordered.
    fn go(&mut self, order: &mut Order) -> Stop;

    /// Reads memory; says how many bytes.
    fn read(&mut self, address: u64, bytes: &mut [u8]) -> usize;

    /// Writes memory; says how many bytes.
    fn write(&mut self, address: u64, bytes: &[u8]) -> usize;
}

/// Lets a machine that runs return soon with [`Stop::Called`]; callable from any thread.
pub(crate) trait Call: Send + Sync {
    fn call(&self);

    /// The machine has heard it.
    fn answered(&self);
}
