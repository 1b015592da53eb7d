//! The way into code and out of it by itself, without a program.

use std::sync::Arc;

use midstride_addr::CachePc;
use midstride_frame::{GprFrame, rflags};
use midstride_slab::Region;

use super::base::{Base, enter};
use super::call::LocalCall;
use super::frame::{FrameRef, reason};
use super::gate::{Gate, Need};
use super::seat::Seat;
use crate::cpu::{Bases, Cpu};
use crate::error::StartError;
use crate::machine::Call;
use crate::registers::{Valid, XsaveFormat, visible_flags};

/// Which registers of the processor are loaded on the way in and saved on the way out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// All but the bases of FS and GS, which stay the thread's.
    Vectors,
    /// Everything.
    All,
}

impl Scope {
    fn need(self) -> Need {
        match self {
            Self::Vectors => Need::Vector,
            Self::All => Need::All,
        }
    }
}

/// Why code was left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Left {
    /// By a [way out](Passage::exit).
    By(u32),
    /// By a signal that an instruction raised; rip tells where. A step that is done is one, too.
    Signal {
        /// Its number.
        number: i32,
        /// Its `si_code`.
        code: i32,
        /// Its `si_addr`.
        address: u64,
    },
    /// Somebody [called](Stopper::stop).
    Stopped,
}

/// The registers while no code runs, in place.
#[derive(Debug)]
pub struct View<'v> {
    /// General registers, rip and rflags.
    pub gpr: &'v mut GprFrame,
    /// Base of FS; matters with [`Scope::All`] only.
    pub fs_base: &'v mut u64,
    /// Base of GS; matters with [`Scope::All`] only.
    pub gs_base: &'v mut u64,
    /// Vector and x87 registers as an XSAVE area of [`Passage::format`]. What is no such area faults in this
    /// process when code is entered.
    pub area: &'v mut [u8],
}

/// Runs code that stands anywhere in this process, as it stands: in between a prologue that loads every
/// register and an epilogue that saves them. No system call is made on the way.
///
/// This is what the backends of this process are made of. It is for those who compare code with code (a
/// rewriter's tests), place it themselves and want nothing in between. The code leaves by jumping to a
/// [way out](Self::exit), or by a fault. It belongs to the thread that made it.
///
/// ```
/// use midstride_control::{Left, Passage, PassagePace, Scope};
///
/// let mut passage = Passage::new(1)?;
/// let (from, to) = (passage.exit(Scope::Vectors, 0).get(), Left::By(0));
/// passage.view().gpr.rax = 42;
/// passage.view().gpr.rip = from;
/// // SAFETY: the code at the way out only leaves.
/// assert_eq!(unsafe { passage.run(Scope::Vectors, PassagePace::Free) }, to);
/// assert_eq!(passage.view().gpr.rax, 42);
/// # Ok::<(), midstride_control::StartError>(())
/// ```
pub struct Passage {
    frame: FrameRef,
    gate: Gate,
    cpu: Cpu,
    exits: [CachePc; 2],
    call: Arc<LocalCall>,
    _seat: Seat,
    _region: Region,
}

/// How far code runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pace {
    /// Until it leaves.
    Free,
    /// One instruction. Needs [`Scope::All`]: the registers are loaded by `iretq`, at once. Costs a signal.
    OneInstruction,
}

/// Stops code that does not leave, from any thread.
#[derive(Clone)]
pub struct Stopper(Arc<LocalCall>);

impl Stopper {
    /// Ends the run of now, if there is one; to be repeated when nothing comes of it: in the last instructions
    /// of the way in it is not heard.
    pub fn stop(&self) {
        self.0.call();
    }
}

impl core::fmt::Debug for Stopper {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Stopper")
    }
}

impl Passage {
    /// A passage with this many ways out, for the calling thread. Signals that do not come from instructions are
    /// blocked in this thread as long as it lives.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(exits: u32) -> Result<Self, StartError> {
        let cpu = Cpu::detect()?;
        let base = Base::new(&cpu, exits)?;
        let mut frame = base.frame;
        (frame.get().host, frame.get().gate) = (super::thread::host(), base.gate.places);
        frame.get().gpr.rflags = visible_flags(0);
        let mut seat = Seat::take(frame)?;
        seat.sit();
        let call = Arc::new(LocalCall::new(frame));
        let exits = [Need::Vector, Need::All].map(|need| base.exit(need, 0));
        Ok(Self { frame, gate: base.gate, cpu, exits, call, _seat: seat, _region: base.region })
    }

    /// Where code leaves that was entered with this scope. Behind the first way out the others follow each 16
    /// bytes; it lies near this program's own code.
    #[must_use]
    pub fn exit(&self, scope: Scope, number: u32) -> CachePc {
        self.exits[scope as usize].add(u64::from(number) * 16)
    }

    /// What the area of the view is like.
    #[must_use]
    pub fn format(&self) -> XsaveFormat {
        self.cpu.format
    }

    /// Which registers there are.
    #[must_use]
    pub fn valid(&self) -> Valid {
        self.cpu.valid
    }

    /// Whether [`Scope::All`] changes the bases of FS and GS: the kernel has to allow it.
    #[must_use]
    pub fn has_bases(&self) -> bool {
        self.cpu.bases == Bases::Instructions
    }

    /// The registers.
    pub fn view(&mut self) -> View<'_> {
        let (frame, area) = self.frame.parts();
        View { gpr: &mut frame.gpr, fs_base: &mut frame.fs_base, gs_base: &mut frame.gs_base, area }
    }

    /// Runs the code at rip. After a signal rip is where it met the code; after a way out it is as before.
    ///
    /// # Safety
    /// The code leaves, and changes nothing that this process relies on. The area is an XSAVE area.
    pub unsafe fn run(&mut self, scope: Scope, pace: Pace) -> Left {
        let frame = self.frame.get();
        frame.target = frame.gpr.rip;
        let own = frame.gpr.rflags & rflags::TF;
        let door = match pace {
            Pace::Free => self.gate.enter(scope.need()),
            Pace::OneInstruction => {
                frame.gpr.rflags |= rflags::TF;
                self.gate.native
            }
        };
        self.call.answered();
        let why = self.call.deafened(|| enter(door.get()));
        if pace == Pace::OneInstruction {
            let flags = &mut self.frame.get().gpr.rflags;
            *flags = *flags & !rflags::TF | own;
        }
        self.left(why)
    }

    fn left(&mut self, why: u32) -> Left {
        match why {
            reason::CALLED => Left::Stopped,
            reason::SIGNAL => {
                let signal = self.frame.get().signal;
                Left::Signal { number: signal.number, code: signal.code, address: signal.address }
            }
            exit => Left::By(exit - reason::FIRST_EXIT),
        }
    }

    /// Lets other threads stop what runs.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.call))
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.call.disconnect();
    }
}

impl core::fmt::Debug for Passage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Passage").field("exits", &self.exits).finish_non_exhaustive()
    }
}
