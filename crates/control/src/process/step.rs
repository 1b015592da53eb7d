//! One instruction at a time.

use core::ops::ControlFlow;

use iced_x86::Mnemonic;
use midstride_frame::rflags;
use midstride_os::process::{read_memory, write_memory};
use midstride_relocate::{Flow, Special};

use super::halt::Trap;
use super::machine::Process;
use super::run::Pace;
use super::task::Halt;
use crate::controller::{Capture, Rest, Step, Syscalls};
use crate::machine::{Order, Stop};
use crate::point::CodePoint;
use crate::program::{InsnId, Node};

/// What it takes to carry out exactly one instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// A single step.
    Step,
    /// A single step, which shows in the flags that are pushed.
    StepFlags,
    /// Running to a breakpoint behind it: it takes many single steps, or one would go too far.
    Behind,
    /// Running: it traps.
    Trap,
}

fn way(node: &Node) -> Way {
    let Some(insn) = node.insn() else { return Way::Step };
    let iced = insn.iced();
    match insn.special() {
        Some(Special::StoresFlags) => Way::StepFlags,
        Some(Special::LoadsStackSegment) => Way::Behind,
        // The kernel takes any step over `popf` for one that the program makes itself, and the next ones too.
        Some(Special::LoadsFlags) => Way::Behind,
        _ if iced.has_rep_prefix() || iced.has_repne_prefix() && iced.mnemonic() != Mnemonic::Nop => {
            match insn.flow() {
                Flow::Next if iced.is_string_instruction() => Way::Behind,
                _ => Way::Step,
            }
        }
        _ if matches!(insn.flow(), Flow::Breakpoint | Flow::DebugTrap) => Way::Trap,
        _ => Way::Step,
    }
}

impl Process {
    pub(super) fn step_on(&mut self, order: &mut Order) -> Stop {
        loop {
            if let Some(stop) = self.one_step(order) {
                return stop;
            }
            self.show(order);
            let last = order.is_last_step();
            match self.point {
                CodePoint::Exit(exit) => return Stop::Exit(exit),
                CodePoint::At(id) if last && self.breaks.contains(&id) => return Stop::Break(id),
                _ if last => return Stop::Stepped,
                _ => {}
            }
        }
    }

    /// Lets the tracer see a step.
    fn show(&mut self, order: &mut Order) {
        let Some((capture, visit)) = &mut order.trace else { return };
        let gpr = self.task.regs.gprs();
        let (fs_base, gs_base) = (self.task.regs.fs_base, self.task.regs.gs_base);
        let (format, valid) = (&self.cpu.format, self.cpu.valid);
        let rest = match capture {
            Capture::Integer => None,
            Capture::All => Some(Rest { format, area: self.task.area(), fs_base, gs_base, valid }),
        };
        if visit(&Step { point: self.point, gpr: &gpr, rest }) == ControlFlow::Break(()) {
            order.steps = Some(0);
        }
    }

    /// Carries out the instruction at the current point; `None` when that was all that happened.
    pub(super) fn one_step(&mut self, order: &mut Order) -> Option<Stop> {
        let CodePoint::At(id) = self.point else {
            let stop = self.step_anywhere();
            order.reported &= stop.is_some();
            return stop;
        };
        if self.breaks.contains(&id) && !order.reported {
            return Some(Stop::Break(id));
        }
        let stop = match self.is_system_call(id) {
            true if self.syscalls == Syscalls::Stop && !order.reported => Some(Stop::Syscall(id)),
            true => self.make_system_call(id),
            false => self.step_over(id),
        };
        if stop.is_none() || self.point != CodePoint::At(id) {
            order.reported = false;
        }
        stop
    }

    /// One step outside of instructions of the program.
    fn step_anywhere(&mut self) -> Option<Stop> {
        let halt = self.resume(Pace::OneInstruction);
        self.after(halt)
    }

    /// What a halt behind an instruction means; `None` when it is only done.
    pub(super) fn after(&mut self, halt: Halt) -> Option<Stop> {
        match halt {
            Halt::Called => {
                self.settle();
                Some(Stop::Called)
            }
            Halt::Dead(death) => Some(self.died(death)),
            Halt::Signal => Some(self.signalled()),
            Halt::Trap => {
                self.settle();
                None
            }
        }
    }

    /// One instruction, with its breakpoint out of the way.
    fn step_over(&mut self, id: InsnId) -> Option<Stop> {
        let planted =
            self.breaks.contains(&id).then(|| self.programs.address_of(CodePoint::At(id))).flatten();
        planted.into_iter().for_each(|pc| self.unplant(pc));
        let stop = self.step_plain(id);
        // Not in the code of a task that has taken the place of this one.
        if !matches!(stop, Some(Stop::Killed(_))) {
            planted.into_iter().for_each(|pc| self.plant(pc));
        }
        stop
    }

    fn step_plain(&mut self, id: InsnId) -> Option<Stop> {
        let way = self.programs.program().and_then(|program| program.node(id)).map_or(Way::Step, way);
        let traps = self.task.regs.rflags & rflags::TF != 0;
        match way {
            Way::Trap => self.step_freely(id),
            _ if traps => self.step_freely(id),
            Way::Behind => self.step_behind(id),
            Way::Step => self.step_inside(id),
            Way::StepFlags => {
                let stop = self.step_inside(id);
                if stop.is_none() {
                    self.hide_step();
                }
                stop
            }
        }
    }

    /// Steps until the instruction is done, which may have been copied as several.
    fn step_inside(&mut self, id: InsnId) -> Option<Stop> {
        loop {
            let before = self.task.regs.rip;
            match self.resume(Pace::OneInstruction) {
                Halt::Trap => {}
                halt => return self.after(halt),
            }
            let found = self.programs.find(self.task.regs.rip);
            let inside = found.point == CodePoint::At(id) && found.lost.is_some();
            if !inside || self.task.regs.rip == before {
                self.settle();
                return None;
            }
        }
    }

    /// Runs to the end of the instruction.
    fn step_behind(&mut self, id: InsnId) -> Option<Stop> {
        let behind = self.programs.map().and_then(|map| map.address_behind(id))?;
        let planted = self.has_breakpoint(behind);
        self.plant(behind);
        let halt = self.resume(Pace::Free);
        if !planted {
            self.unplant(behind);
        }
        if halt == Halt::Trap && self.task.regs.rip == behind + 1 {
            self.task.change(|regs| regs.rip = behind);
        }
        self.after(halt)
    }

    /// Lets an instruction run that traps by itself, or with TF set.
    fn step_freely(&mut self, id: InsnId) -> Option<Stop> {
        loop {
            match self.resume(Pace::Free) {
                Halt::Trap => {}
                halt => return self.after(halt),
            }
            let info = match self.trap() {
                Trap::Own(info) => info,
                Trap::Stopped(stop) => return Some(stop),
                Trap::Moved => return None,
            };
            let found = self.programs.find(self.task.regs.rip);
            if found.point != CodePoint::At(id) || found.lost.is_none() {
                return Some(self.raised(info));
            }
        }
    }

    /// Takes the step out of the flags that were pushed.
    fn hide_step(&mut self) {
        const TF_BYTE: u64 = 1;
        let at = self.task.regs.rsp + TF_BYTE;
        let mut byte = [0];
        if read_memory(self.task.child.pid, at, &mut byte) == Ok(1) {
            byte[0] &= !((rflags::TF >> 8) as u8);
            // SAFETY: the child shares no memory with this process.
            let _ = unsafe { write_memory(self.task.child.pid, at, &byte) };
        }
    }
}
