//! A child with a program: its registers as last seen, and what of them it has not got yet.

use midstride_frame::GprFrame;
use midstride_os::Errno;
use midstride_os::process::{self, Change};
use midstride_os::ptrace::{self, PtraceRegs};
use midstride_os::signal::{SIGKILL, SIGSTOP, SIGTRAP};

use super::child::Child;
use crate::cpu::Cpu;
use crate::error::StartError;
use crate::event::Death;
use crate::registers::{Registers, changed_flags, visible_flags};

/// More than any processor's XSAVE area has.
const AREA_BYTES: usize = 16 << 10;

pub(crate) struct Task {
    pub(crate) child: Child,
    pub(crate) slots: u64,
    pub(crate) regs: PtraceRegs,
    regs_changed: bool,
    area: Vec<u8>,
    area_is: Area,
}

/// Where the vector and x87 registers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Area {
    /// In the child only.
    There,
    /// Here too.
    Here,
    /// Here, and not yet in the child.
    Changed,
}

/// Why a child stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Halt {
    /// For a trap.
    Trap,
    /// For another signal.
    Signal,
    /// Because it was told to.
    Called,
    /// For ever.
    Dead(Death),
}

impl Task {
    /// A child with a stack and registers to begin with.
    pub(crate) fn new(stack_bytes: u64, cpu: &Cpu) -> Result<Self, StartError> {
        /// What is left free above the first rsp.
        const ABOVE: u64 = 64;
        let failed = |call| move |errno| StartError::System { call, errno };
        let child = Child::new()?;
        let slots = child.map_slots().map_err(failed("mmap"))?;
        let stack = child.map_stack(stack_bytes).map_err(failed("mmap"))?;
        let mut area = vec![0; AREA_BYTES];
        let bytes = ptrace::vector_state(child.pid, &mut area).map_err(failed("ptrace"))?;
        area.truncate(bytes);
        let regs = child.idle();
        let mut task = Self { child, slots, regs, regs_changed: true, area, area_is: Area::Here };
        let mut registers = Registers::new(cpu.valid);
        registers.gpr.rsp = stack - ABOVE;
        task.set_registers(&registers, cpu);
        Ok(task)
    }

    pub(crate) fn registers(&mut self, cpu: &Cpu) -> Registers {
        self.fetch_area();
        let mut registers = Registers::new(cpu.valid);
        registers.gpr = self.regs.gprs();
        registers.gpr.rflags = visible_flags(registers.gpr.rflags);
        (registers.fs_base, registers.gs_base) = (self.regs.fs_base, self.regs.gs_base);
        cpu.format.read(&self.area, &mut registers);
        registers
    }

    pub(crate) fn set_registers(&mut self, registers: &Registers, cpu: &Cpu) {
        self.fetch_area();
        let rflags = changed_flags(self.regs.rflags, registers.gpr.rflags);
        let gprs = GprFrame { rflags, ..registers.gpr };
        self.change(|regs| {
            regs.set_gprs(&gprs);
            (regs.fs_base, regs.gs_base) = (registers.fs_base, registers.gs_base);
        });
        cpu.format.write(registers, &mut self.area);
        self.area_is = Area::Changed;
    }

    /// The XSAVE area as the kernel shows it.
    pub(crate) fn area(&mut self) -> &[u8] {
        self.fetch_area();
        &self.area
    }

    fn fetch_area(&mut self) {
        // A child that is stopped has one; a dead one is heard of at the next run.
        if self.area_is == Area::There && ptrace::vector_state(self.child.pid, &mut self.area).is_ok() {
            self.area_is = Area::Here;
        }
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut PtraceRegs)) {
        change(&mut self.regs);
        // No system call is interrupted that would have to be restarted.
        self.regs.orig_rax = u64::MAX;
        self.regs_changed = true;
    }

    /// Gives the child what it has not got yet.
    pub(crate) fn flush(&mut self) -> Result<(), Errno> {
        if self.regs_changed {
            ptrace::set_registers(self.child.pid, &self.regs)?;
            self.regs_changed = false;
        }
        if self.area_is == Area::Changed {
            ptrace::set_vector_state(self.child.pid, &self.area)?;
        }
        self.area_is = Area::There;
        Ok(())
    }

    /// Whatever ran in the child meanwhile was not the program.
    pub(crate) fn disturbed(&mut self) {
        self.regs_changed = true;
    }

    /// Waits until the child stops, and looks at its registers.
    pub(crate) fn wait(&mut self) -> Halt {
        let halt = loop {
            match process::wait(self.child.pid) {
                Err(Errno::EINTR) => {}
                Ok(Change::Stopped { signal: SIGSTOP, event: 0 }) => break Halt::Called,
                Ok(Change::Stopped { event: ptrace::EVENT_STOP, .. }) => break Halt::Called,
                Ok(Change::Stopped { signal: SIGTRAP, event: 0 }) => break Halt::Trap,
                Ok(Change::Stopped { event: 0, .. }) => break Halt::Signal,
                Ok(Change::Exited { status }) => return Halt::Dead(Death::Exited { status }),
                Ok(Change::Signaled { signal }) => return Halt::Dead(Death::Signaled { signal }),
                Ok(Change::Stopped { event, .. }) => {
                    self.end_escape(event);
                    return Halt::Dead(ESCAPED);
                }
                Err(_) => return Halt::Dead(ESCAPED),
            }
        };
        match ptrace::registers(self.child.pid) {
            Ok(regs) => self.regs = regs,
            Err(_) => return Halt::Dead(ESCAPED),
        }
        halt
    }

    /// The child became another program or has a child of its own, by a system call that it had no right to.
    fn end_escape(&self, event: i32) {
        /// `PTRACE_EVENT_FORK`, `_VFORK` and `_CLONE`: the message is the new one's id.
        const BIRTHS: core::ops::RangeInclusive<i32> = 1..=3;
        let Ok(born) = ptrace::event_message(self.child.pid) else { return };
        if BIRTHS.contains(&event) {
            let born = born as i32;
            // It is traced by this thread too, so its id is its own until it is waited for.
            let _ = midstride_os::thread::tgkill(born, born, SIGKILL);
            while let Ok(Change::Stopped { .. }) | Err(Errno::EINTR) = process::wait(born) {}
        }
    }
}

/// The end of a child that is no longer under control: it is killed.
pub(crate) const ESCAPED: Death = Death::Signaled { signal: SIGKILL };
