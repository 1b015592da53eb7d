//! Letting the child run.

use midstride_os::ptrace;

use super::halt::Trap;
use super::machine::Process;
use super::task::{ESCAPED, Halt};
use crate::controller::Syscalls;
use crate::machine::{Order, Stop};
use crate::point::CodePoint;

/// How a child is let run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    Free,
    OneInstruction,
}

impl Process {
    pub(super) fn go_on(&mut self, order: &mut Order) -> Stop {
        match self.point {
            CodePoint::Nowhere => return Stop::Nowhere,
            CodePoint::Exit(exit) => return Stop::Exit(exit),
            _ => {}
        }
        loop {
            let stop = if order.is_counted() { self.step_on(order) } else { self.run_on(order) };
            match stop {
                // A system call that the program may make.
                Stop::Syscall(_) if self.syscalls == Syscalls::Make => order.reported = true,
                stop => return stop,
            }
        }
    }

    /// Lets the child run freely until something stops it.
    fn run_on(&mut self, order: &mut Order) -> Stop {
        loop {
            // Whatever stands at the point itself was put there by us: it takes a step to get over it.
            if self.needs_step()
                && let Some(stop) = self.one_step(order)
            {
                return stop;
            }
            if let Some(stop) = self.left() {
                return stop;
            }
            if let Some(stop) = self.run_freely() {
                return stop;
            }
            order.reported = false;
        }
    }

    /// Lets the child run freely; `None` when it is to go on.
    fn run_freely(&mut self) -> Option<Stop> {
        match self.resume(Pace::Free) {
            Halt::Trap => match self.trap() {
                Trap::Stopped(stop) => Some(stop),
                Trap::Own(info) => Some(self.raised(info)),
                Trap::Moved => None,
            },
            halt => self.after(halt),
        }
    }

    /// Whether there is a breakpoint or a system call at the current point.
    fn needs_step(&self) -> bool {
        match self.point {
            CodePoint::At(id) => self.breaks.contains(&id) || self.is_system_call(id),
            _ => false,
        }
    }

    /// The stop for a point out of the program.
    pub(super) fn left(&self) -> Option<Stop> {
        match self.point {
            CodePoint::Exit(exit) => Some(Stop::Exit(exit)),
            _ => None,
        }
    }

    /// Lets the child run until it stops. A call is heard as [`Halt::Called`], whenever it comes.
    pub(super) fn resume(&mut self, pace: Pace) -> Halt {
        self.call.deafen();
        let halt = if self.call.is_called() { Halt::Called } else { self.resume_deaf(pace) };
        self.call.listen();
        halt
    }

    fn resume_deaf(&mut self, pace: Pace) -> Halt {
        let pid = self.task.child.pid;
        let resumed = self.task.flush().and_then(|()| match pace {
            Pace::Free => ptrace::cont(pid, 0),
            Pace::OneInstruction => ptrace::single_step(pid, 0),
        });
        match resumed {
            Ok(()) => self.task.wait(),
            // It was killed while it stood still; there is a status to wait for.
            Err(_) => match self.task.wait() {
                Halt::Dead(death) => Halt::Dead(death),
                _ => Halt::Dead(ESCAPED),
            },
        }
    }
}
