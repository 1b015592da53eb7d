//! The stepping itself.

use std::collections::HashMap;
use std::fmt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::Steps;
use super::places::Places;
use crate::decode::Kind;

/// Why stepping could not go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum StepError {
    /// The program did not start.
    NotStarted(std::io::Error),
    /// A ptrace or wait call failed.
    Trace {
        /// Which.
        call: &'static str,
        /// Why.
        errno: Errno,
    },
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepError::NotStarted(error) => write!(f, "the program does not start: {error}"),
            StepError::Trace { call, errno } => write!(f, "{call}: {errno}"),
        }
    }
}

impl core::error::Error for StepError {}

fn trace<T>(call: &'static str, result: nix::Result<T>) -> Result<T, StepError> {
    result.map_err(|errno| StepError::Trace { call, errno })
}

/// A thread between two stops.
#[derive(Clone, Copy, Debug)]
struct Going {
    /// Where it was at its last stop.
    pc: u64,
    length: u64,
    kind: Kind,
    /// Whether a system call at `pc` is already counted.
    counted: bool,
}

pub(super) struct Stepper {
    first: Pid,
    going: HashMap<Pid, Going>,
    places: Places,
    steps: Steps,
}

impl Stepper {
    /// For a child that asked to be traced and is about to exec.
    pub(super) fn new(child: u32) -> Result<Stepper, StepError> {
        let first = Pid::from_raw(child as i32);
        trace("waitpid", waitpid(first, None))?;
        let options = ptrace::Options::PTRACE_O_TRACECLONE | ptrace::Options::PTRACE_O_EXITKILL;
        trace("PTRACE_SETOPTIONS", ptrace::setoptions(first, options))?;
        let (going, places) = (HashMap::new(), Places::default());
        let mut stepper = Stepper { first, going, places, steps: Steps { threads: 1, ..Steps::default() } };
        stepper.step(first, None)?;
        Ok(stepper)
    }

    /// Steps until the last thread is gone.
    pub(super) fn run(mut self) -> Result<Steps, StepError> {
        loop {
            match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Stopped(tid, signal)) => self.stopped(tid, signal)?,
                // In the middle of the system call that is under way.
                Ok(WaitStatus::PtraceEvent(tid, ..)) => resume(tid, None)?,
                Ok(WaitStatus::Exited(tid, status)) => self.gone(tid, status),
                Ok(WaitStatus::Signaled(tid, signal, _)) => self.gone(tid, 256 + signal as i32),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(self.steps),
                Err(errno) => return Err(StepError::Trace { call: "waitpid", errno }),
            }
        }
    }

    fn stopped(&mut self, tid: Pid, signal: Signal) -> Result<(), StepError> {
        if !self.going.contains_key(&tid) {
            // The first stop of a new thread.
            self.steps.threads += 1;
            return self.step(tid, None);
        }
        let pc = rip(tid)?;
        if signal != Signal::SIGTRAP {
            self.interrupted(tid, pc);
            return self.step(tid, Some(signal));
        }
        match trace("PTRACE_GETSIGINFO", ptrace::getsiginfo(tid))?.si_code {
            // ptrace_notify: a handler is about to run its first instruction.
            libc::SIGTRAP => self.step(tid, None),
            libc::TRAP_BRKPT | libc::TRAP_TRACE => {
                self.completed(tid, pc);
                self.step(tid, None)
            }
            _ => {
                self.interrupted(tid, pc);
                self.step(tid, Some(signal))
            }
        }
    }

    /// A signal came: what was stepped has completed if the thread is elsewhere now.
    fn interrupted(&mut self, tid: Pid, pc: u64) {
        if self.going[&tid].pc != pc {
            self.completed(tid, pc);
        }
    }

    fn completed(&mut self, tid: Pid, pc: u64) {
        let going = self.going[&tid];
        if going.counted || (going.kind == Kind::Repeated && going.pc == pc) {
            return;
        }
        self.count(tid, going.pc);
        if going.kind == Kind::LoadsSs && pc != going.pc + going.length {
            self.count(tid, going.pc + going.length);
        }
    }

    fn count(&mut self, tid: Pid, pc: u64) {
        self.steps.instructions += 1;
        match self.places.of(tid, pc) {
            Some(place) => {
                let offset = pc - place.base;
                let module = self.steps.modules.entry(place.path.clone()).or_default();
                *module.entry(offset).or_default() += 1;
            }
            None => self.steps.elsewhere += 1,
        }
    }

    /// Lets `tid` make one step from where it is; a system call is counted as it is entered.
    fn step(&mut self, tid: Pid, signal: Option<Signal>) -> Result<(), StepError> {
        let pc = rip(tid)?;
        let (length, kind) = self.places.kind(tid, pc);
        // With a signal, a handler may come first.
        let counted = kind == Kind::SystemCall && signal.is_none();
        if counted {
            self.count(tid, pc);
        }
        self.going.insert(tid, Going { pc, length: length as u64, kind, counted });
        resume(tid, signal)
    }

    fn gone(&mut self, tid: Pid, end: i32) {
        self.going.remove(&tid);
        if tid == self.first {
            self.steps.end = end;
        }
    }
}

fn resume(tid: Pid, signal: Option<Signal>) -> Result<(), StepError> {
    match ptrace::step(tid, signal) {
        // Killed in the meantime: its end is reported by wait.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(StepError::Trace { call: "PTRACE_SINGLESTEP", errno }),
    }
}

fn rip(tid: Pid) -> Result<u64, StepError> {
    Ok(trace("PTRACE_GETREGS", ptrace::getregs(tid))?.rip)
}
