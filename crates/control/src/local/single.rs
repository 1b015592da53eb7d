//! Carrying out one instruction with everything that may be special about it.

use core::ops::ControlFlow;

use midstride_frame::rflags;
use midstride_os::signal::{SIGTRAP, TRAP_TRACE};
use midstride_relocate::Flow;

use super::generation::{Care, OUT};
use super::guest::Guest;
use super::native::NO_ADDRESS;
use super::run::Done;
use super::snippet::Kind;
use crate::controller::{Capture, Rest, Step, Syscalls};
use crate::event::Refusal;
use crate::machine::{Order, Stop};
use crate::point::{CodePoint, ExitKind, ExitPoint};
use crate::registers::{is_canonical, visible_flags};

/// Where control is behind an instruction.
pub(crate) enum Landing {
    Node(u32),
    /// Anywhere else; the program's point says where.
    Elsewhere,
    Stopped(Stop),
}

impl Guest {
    /// Lets the tracer see a step.
    pub(crate) fn show(&mut self, point: CodePoint, order: &mut Order) {
        let Some((capture, visit)) = &mut order.trace else { return };
        let valid = self.cpu.valid;
        let format = &self.cpu.format;
        let (frame, area) = self.frame.parts();
        let rest = (*capture == Capture::All).then_some(Rest {
            format,
            area,
            fs_base: frame.fs_base,
            gs_base: frame.gs_base,
            valid,
        });
        if visit(&Step { point, gpr: &frame.gpr, rest }) == ControlFlow::Break(()) {
            order.steps = Some(0);
        }
    }

    /// Carries out an instruction that is more than its snippet.
    pub(crate) fn careful(&mut self, node: u32, order: &Order) -> Done {
        let insn = self.id(node);
        let entry = self.entry(node);
        if entry.care == Care::Break && !order.reported {
            return self.stopped(node, Stop::Break(insn));
        }
        if self.prepare(node).is_err() {
            return self.stopped(node, Stop::Refused(insn, Refusal::NoRoom));
        }
        let traps = self.single_steps();
        self.frame.get().gpr.rflags &= !rflags::TF;
        let done = self.special(node, traps, order);
        if !traps {
            return done;
        }
        self.trap(node, done)
    }

    fn stopped(&mut self, node: u32, stop: Stop) -> Done {
        self.set_node(node);
        Done::Stopped(stop)
    }

    fn special(&mut self, node: u32, traps: bool, order: &Order) -> Done {
        let (insn, entry) = (self.id(node), self.entry(node));
        match entry.kind {
            Kind::Run => self.run(&entry),
            Kind::Jump => Done::Went { to: entry.jump, kind: ExitKind::Jump },
            Kind::PushFlags => {
                let frame = self.frame.get();
                frame.slots[1] = visible_flags(frame.gpr.rflags) | if traps { rflags::TF } else { 0 };
                self.run(&entry)
            }
            Kind::PopFlags { mask } => self.pop_flags(node, mask),
            Kind::Abort => {
                self.frame.get().gpr.rax = 0;
                Done::Went { to: entry.jump, kind: ExitKind::Jump }
            }
            Kind::Refused => self.stopped(node, Stop::Refused(insn, Refusal::FarTransfer)),
            Kind::Syscall if self.syscalls == Syscalls::Stop && !order.reported => {
                self.stopped(node, Stop::Syscall(insn))
            }
            Kind::Syscall => self.make_system_call(node),
        }
    }

    fn pop_flags(&mut self, node: u32, mask: u64) -> Done {
        let entry = self.entry(node);
        let done = self.run(&entry);
        if let Done::Went { .. } = done {
            let frame = self.frame.get();
            frame.gpr.rflags = visible_flags(frame.gpr.rflags & !mask | frame.slots[1] & mask);
        }
        done
    }

    /// The trap behind an instruction that started with TF set.
    fn trap(&mut self, node: u32, done: Done) -> Done {
        let popped = matches!(self.entry(node).kind, Kind::PopFlags { .. });
        if !popped {
            self.frame.get().gpr.rflags |= rflags::TF;
        }
        match self.land(node, done) {
            Landing::Stopped(stop) => return Done::Stopped(stop),
            Landing::Node(to) => self.set_node(to),
            Landing::Elsewhere => {}
        }
        let address = self.frame.get().gpr.rip;
        Done::Stopped(Stop::Fault { signal: SIGTRAP, code: TRAP_TRACE, address })
    }

    /// A branch to what is no address: the instruction faults, so nothing of it has happened.
    fn refuse_target(&mut self, node: u32) -> Stop {
        let flow = self.programs.program().map(|program| program.nodes()[node as usize].flow());
        let pushed = match flow {
            Some(Flow::CallIndirect) => -8,
            Some(Flow::Return { pop }) => 8 + i64::from(pop),
            _ => 0,
        };
        let gpr = &mut self.frame.get().gpr;
        gpr.rsp = gpr.rsp.wrapping_add_signed(-pushed);
        self.set_node(node);
        NO_ADDRESS
    }

    /// Where the program is behind an instruction that was carried out.
    pub(crate) fn land(&mut self, node: u32, done: Done) -> Landing {
        match done {
            Done::Went { to, .. } if to != OUT => return Landing::Node(to),
            Done::Went { kind, .. } => {
                let insn = self.id(node);
                self.set_point(CodePoint::Exit(ExitPoint { insn, kind }));
            }
            Done::Indirect => {
                let pc = self.frame.get().slots[1];
                if !is_canonical(pc) {
                    return Landing::Stopped(self.refuse_target(node));
                }
                let point = self.programs.find(pc).point;
                if let Some(node) = self.node_at(point) {
                    return Landing::Node(node);
                }
                self.set_point(point);
            }
            Done::Stopped(stop) => return Landing::Stopped(stop),
        }
        Landing::Elsewhere
    }
}
