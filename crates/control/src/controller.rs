//! The one interface of all backends.

use core::ops::ControlFlow;
use std::time::Duration;

use midstride_frame::GprFrame;

use crate::condition::Condition;
use crate::error::{ControlError, LoadError};
use crate::event::Events;
use crate::point::CodePoint;
use crate::program::{InsnId, Program};
use crate::registers::{Registers, XsaveFormat};

/// How machine code is run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Backend {
    /// In a thread of this process, natively; signals stop and step it.
    Signal,
    /// In a task with an address space of its own, which ptrace controls. It can be killed.
    Ptrace,
    /// In a thread of this process, instruction by instruction, each between a prologue that loads the
    /// registers and an epilogue that saves them. Stepping needs no help of the kernel.
    Translated,
}

impl Backend {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Signal, Self::Ptrace, Self::Translated];

    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Ptrace => "ptrace",
            Self::Translated => "translated",
        }
    }
}

/// What a program may do about system calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Syscalls {
    /// It stops in front of each: [`Event::Syscall`](crate::Event::Syscall).
    #[default]
    Stop,
    /// It makes them.
    Make,
}

/// How an instruction is stepped natively in this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Steps {
    /// With the trap flag.
    #[default]
    Flag,
    /// With breakpoints behind it. Where debug exceptions are expensive, as in many virtual machines, that is
    /// several times faster.
    Breakpoints,
}

/// Which processors a task under ptrace runs on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Affinity {
    /// The one that its controller runs on, both bound to it from the start. One of them always waits for
    /// the other, so a switch between them is cheaper than waking another processor.
    #[default]
    Together,
    /// Any.
    Free,
}

/// Registers and place of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// All registers; rip is the address that goes with `point`.
    pub registers: Registers,
    /// Where it is.
    pub point: CodePoint,
    /// Whether it is running.
    pub activity: Activity,
}

/// Whether a program is running.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Activity {
    /// It runs.
    Running,
    /// It stands still.
    Stopped,
}

/// How much of each step's state is kept by [`Controller::trace`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Capture {
    /// General registers, rip and rflags.
    Integer,
    /// Everything.
    All,
}

/// The state behind one step of a trace.
#[derive(Debug)]
pub struct Step<'s> {
    pub(crate) point: CodePoint,
    pub(crate) gpr: &'s GprFrame,
    pub(crate) rest: Option<Rest<'s>>,
}

/// What [`Capture::All`] adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'s> {
    pub(crate) format: &'s XsaveFormat,
    pub(crate) area: &'s [u8],
    pub(crate) fs_base: u64,
    pub(crate) gs_base: u64,
    pub(crate) valid: crate::registers::Valid,
}

impl Step<'_> {
    /// Where the program is.
    #[must_use]
    pub fn point(&self) -> CodePoint {
        self.point
    }

    /// General registers, rip and rflags.
    #[must_use]
    pub fn gpr(&self) -> &GprFrame {
        self.gpr
    }

    /// The vector and x87 registers as the processor's XSAVE area; `None` unless [`Capture::All`] was asked
    /// for.
    #[must_use]
    pub fn area(&self) -> Option<&[u8]> {
        Some(self.rest?.area)
    }

    /// All registers; `None` unless [`Capture::All`] was asked for. Takes as long as many steps.
    #[must_use]
    pub fn registers(&self) -> Option<Registers> {
        let rest = self.rest?;
        let mut registers = Registers { gpr: *self.gpr, ..Registers::new(rest.valid) };
        (registers.fs_base, registers.gs_base) = (rest.fs_base, rest.gs_base);
        rest.format.read(rest.area, &mut registers);
        Some(registers)
    }
}

/// What a trace calls with each step.
pub type Visit = Box<dyn FnMut(&Step<'_>) -> ControlFlow<()> + Send>;

/// A change of a program's state.
pub type Edit = Box<dyn FnOnce(&mut State) + Send>;

/// Runs machine code under control. Every method can be called from any thread, at any time.
///
/// Orders are carried out in the order in which they are given. Those that let the program run return at once;
/// how it ended comes as an [`Event`](crate::Event).
pub trait Controller: Send + Sync {
    /// How the code is run.
    fn backend(&self) -> Backend;

    /// Loads a program, or replaces the one that is loaded, even while it runs. A program that stands in front
    /// of, or inside, an instruction that is kept goes on there. One whose instruction is gone goes on with
    /// the next one in the old order that is kept, or exits with [`ExitKind::Body`](crate::ExitKind::Body).
    /// Addresses of the old code (return addresses on the stack) lead to the new.
    ///
    /// # Errors
    /// [`LoadError`]; the program before stays loaded, and runs on if it did.
    fn load(&self, program: Program) -> Result<(), LoadError>;

    /// Starts in front of an instruction, with the registers as they are.
    ///
    /// # Errors
    /// [`ControlError::Running`], [`ControlError::Unknown`].
    fn run(&self, from: InsnId) -> Result<(), ControlError>;

    /// Goes on where the program is, whatever stopped it. Behind an exit it goes on where a reload made the
    /// edge lead.
    ///
    /// # Errors
    /// [`ControlError::Running`], [`ControlError::Nowhere`].
    fn resume(&self) -> Result<(), ControlError>;

    /// Carries out a number of instructions, then stops. Breakpoints, system calls and faults stop it earlier.
    ///
    /// # Errors
    /// As for [`resume`](Self::resume).
    fn step(&self, count: u64) -> Result<(), ControlError>;

    /// As [`step`](Self::step), and shows the state behind each instruction to `visit`, which is called in
    /// the controller's thread and ends the stepping by [`ControlFlow::Break`].
    ///
    /// # Errors
    /// As for [`resume`](Self::resume).
    fn trace(&self, count: u64, capture: Capture, visit: Visit) -> Result<(), ControlError>;

    /// Stops the program; does nothing if it stands still.
    ///
    /// # Errors
    /// [`ControlError::NoAnswer`].
    fn interrupt(&self) -> Result<(), ControlError>;

    /// Stops the program and forgets where it was; its registers stay.
    ///
    /// # Errors
    /// [`ControlError::NoAnswer`].
    fn cancel(&self) -> Result<(), ControlError>;

    /// Registers and place, of a running program too.
    ///
    /// # Errors
    /// [`ControlError::NoAnswer`].
    fn state(&self) -> Result<State, ControlError>;

    /// Changes registers and place, of a running program too. Of `point` and `registers.gpr.rip` the one that
    /// was changed counts, `point` when both were.
    ///
    /// # Errors
    /// [`ControlError::Unknown`], [`ControlError::Unloadable`], [`ControlError::NoAnswer`].
    fn change(&self, edit: Edit) -> Result<(), ControlError>;

    /// Sets a breakpoint in front of an instruction, or replaces the one there. It outlives reloads, even one
    /// that has no such instruction.
    ///
    /// # Errors
    /// [`ControlError::NoAnswer`].
    fn set_break(&self, at: InsnId, condition: Option<Condition>) -> Result<(), ControlError>;

    /// Removes a breakpoint, if there is one.
    ///
    /// # Errors
    /// [`ControlError::NoAnswer`].
    fn clear_break(&self, at: InsnId) -> Result<(), ControlError>;

    /// The address that stands for a code point in the code loaded now, if it has one.
    ///
    /// # Errors
    /// [`ControlError::NoAnswer`].
    fn address_of(&self, point: CodePoint) -> Result<Option<u64>, ControlError>;

    /// Reads memory of the program.
    ///
    /// # Errors
    /// [`ControlError::Memory`] when not all of it is there.
    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), ControlError>;

    /// Writes memory of the program, where it could itself.
    ///
    /// # Errors
    /// [`ControlError::Memory`] when not all of it is there; the rest is written.
    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), ControlError>;

    /// What happens.
    fn events(&self) -> &Events;

    /// The next event, waited for at most `timeout`.
    fn wait(&self, timeout: Duration) -> Option<crate::Event> {
        self.events().next_within(timeout)
    }
}
