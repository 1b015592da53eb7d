//! What controllers report.

use core::fmt;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use midstride_os::signal::signal_name;

use crate::point::{CodePoint, ExitPoint};
use crate::program::InsnId;
use crate::registers::Registers;

/// Something happened, and the program stands still now.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// It left by a way without an edge.
    Exit(ExitPoint),
    /// It was [interrupted](crate::Controller::interrupt).
    Stopped {
        /// Where.
        at: CodePoint,
    },
    /// It was [cancelled](crate::Controller::cancel).
    Cancelled,
    /// It is in front of an instruction with a breakpoint whose condition holds.
    Breakpoint {
        /// The instruction.
        insn: InsnId,
    },
    /// The steps asked for are done.
    Step {
        /// Where it is.
        at: CodePoint,
    },
    /// It is in front of a system call (`syscall` or `int 80h`, whose numbers are those of 32-bit programs), which
    /// [`resume`](crate::Controller::resume) lets it make.
    Syscall {
        /// The instruction.
        insn: InsnId,
        /// The number of the call.
        number: u64,
        /// The registers of its arguments, in the order of its way of being made.
        args: [u64; 6],
    },
    /// The processor or the kernel refused something.
    Fault(Box<Fault>),
    /// The backend cannot run this instruction.
    Refused {
        /// The instruction.
        insn: InsnId,
        /// Why.
        reason: Refusal,
    },
    /// The task it ran in is gone.
    Killed(Death),
}

/// A signal that an instruction raised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Its number.
    pub signal: i32,
    /// Its `si_code`: why.
    pub code: i32,
    /// The address that was accessed, or that of the instruction, by kind of signal; 0 where none is told.
    pub address: u64,
    /// Where the program is: in front of the instruction, or behind it when it was a trap.
    pub at: CodePoint,
    /// All registers.
    pub registers: Registers,
}

/// Why a backend does not run an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// It would leave flat 64-bit code, or may.
    FarTransfer,
    /// There is no memory for what it takes to run it.
    NoRoom,
    /// A system call that would make or replace threads, or the state of the controller's own.
    SystemCall {
        /// The number of the call.
        number: u64,
    },
}

/// How a task ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Death {
    /// By itself, with this status.
    Exited {
        /// The status.
        status: i32,
    },
    /// By a signal.
    Signaled {
        /// Its number.
        signal: i32,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(exit) => write!(f, "{exit}"),
            Self::Stopped { at } => write!(f, "stopped {at}"),
            Self::Cancelled => write!(f, "cancelled"),
            Self::Breakpoint { insn } => write!(f, "breakpoint at {insn}"),
            Self::Step { at } => write!(f, "stepped, now {at}"),
            Self::Syscall { insn, number, .. } => write!(f, "system call {number} at {insn}"),
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Refused { insn, reason } => write!(f, "{insn} was refused: {reason}"),
            Self::Killed(death) => write!(f, "{death}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signal, code, address, at, .. } = self;
        match signal_name(*signal) {
            Some(name) => write!(f, "{name}")?,
            None => write!(f, "signal {signal}")?,
        }
        write!(f, " (code {code}, address {address:#x}) {at}")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FarTransfer => write!(f, "a far transfer"),
            Self::NoRoom => write!(f, "no memory"),
            Self::SystemCall { number } => write!(f, "system call {number} would escape control"),
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { status } => write!(f, "the task exited with status {status}"),
            Self::Signaled { signal } => {
                write!(f, "the task was killed by {}", signal_name(*signal).unwrap_or("a realtime signal"))
            }
        }
    }
}

/// The events of one controller, in order. Clones share the queue: each event comes out once.
#[derive(Clone, Default)]
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Condvar,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    closed: bool,
}

impl Events {
    /// The next event that is there already.
    #[must_use]
    pub fn try_next(&self) -> Option<Event> {
        self.lock().events.pop_front()
    }

    /// The next event; waits for it, at most for `timeout`. `None` after that time, or when the controller
    /// has ended.
    #[must_use]
    pub fn next_within(&self, timeout: Duration) -> Option<Event> {
        let until = Instant::now() + timeout;
        let mut queue = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let event = queue.events.pop_front();
            if event.is_some() || queue.closed || left.is_zero() {
                return event;
            }
            queue = self.shared.news.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().events.is_empty()
    }

    pub(crate) fn push(&self, event: Event) {
        self.lock().events.push_back(event);
        self.shared.news.notify_all();
    }

    /// Lets everybody know that nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.shared.news.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A queue is whole between any two statements that hold the lock.
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.lock().events).finish()
    }
}
