//! The translated backend: one instruction at a time, without help of the kernel.

use core::ops::ControlFlow;

use midstride_frame::{Register, rflags};
use midstride_os::signal::{SIGTRAP, TRAP_TRACE};

use super::generation::{Care, OUT};
use super::guest::Guest;
use super::run::Done;
use super::snippet::Kind;
use crate::controller::{Capture, Rest, Step, Syscalls};
use crate::error::{ControlError, LoadError};
use crate::event::Refusal;
use crate::machine::{Breaks, Machine, Order, Stop};
use crate::point::{CodePoint, ExitKind, ExitPoint};
use crate::program::Program;
use crate::registers::{Registers, visible_flags};

pub(crate) struct Translated {
    guest: Guest,
    syscalls: Syscalls,
}

/// Where control is behind an instruction.
enum Landing {
    Node(u32),
    /// Anywhere else; the program's point says where.
    Elsewhere,
    Stopped(Stop),
}

impl Translated {
    pub(crate) fn new(guest: Guest, syscalls: Syscalls) -> Self {
        Self { guest, syscalls }
    }

    /// Goes on from a node of the current program; `None` when control left its nodes.
    fn walk(&mut self, first: u32, order: &mut Order) -> Option<Stop> {
        let mut node = first;
        loop {
            if self.guest.frame.is_called() {
                self.guest.set_node(node);
                return Some(Stop::Called);
            }
            let done = match self.guest.entry(node) {
                entry if entry.care == Care::None && !self.guest.single_steps() => self.guest.run(&entry),
                _ => self.careful(node, order),
            };
            match self.land(node, done) {
                Landing::Node(to) => node = to,
                Landing::Elsewhere => return self.count_elsewhere(order),
                Landing::Stopped(stop) => return Some(stop),
            }
            order.reported = false;
            if order.is_counted()
                && let Some(stop) = self.count(node, order)
            {
                return Some(stop);
            }
        }
    }

    fn land(&mut self, node: u32, done: Done) -> Landing {
        match done {
            Done::Went { to, .. } if to != OUT => return Landing::Node(to),
            Done::Went { kind, .. } => {
                let insn = self.guest.id(node);
                self.guest.set_point(CodePoint::Exit(ExitPoint { insn, kind }));
            }
            Done::Indirect => {
                let pc = self.guest.frame.get().slots[1];
                let point = self.guest.programs.find(pc).point;
                if let Some(node) = self.guest.node_at(point) {
                    return Landing::Node(node);
                }
                self.guest.set_point(point);
            }
            Done::Stopped(stop) => return Landing::Stopped(stop),
        }
        Landing::Elsewhere
    }

    /// Counts an instruction that went to a node.
    fn count(&mut self, node: u32, order: &mut Order) -> Option<Stop> {
        if order.trace.is_some() {
            let entry = self.guest.entry(node);
            self.guest.frame.get().gpr.rip = entry.pc;
            self.show(CodePoint::At(self.guest.id(node)), order);
        }
        if !order.is_last_step() {
            return None;
        }
        self.guest.set_node(node);
        Some(match self.guest.entry(node).care {
            Care::Break => Stop::Break(self.guest.id(node)),
            _ => Stop::Stepped,
        })
    }

    /// Counts an instruction that went to no node.
    fn count_elsewhere(&mut self, order: &mut Order) -> Option<Stop> {
        order.reported = false;
        let point = self.guest.point();
        self.show(point, order);
        let last = order.is_last_step();
        match point {
            CodePoint::Exit(exit) => Some(Stop::Exit(exit)),
            _ => last.then_some(Stop::Stepped),
        }
    }

    /// Lets the tracer see a step.
    fn show(&mut self, point: CodePoint, order: &mut Order) {
        let Some((capture, visit)) = &mut order.trace else { return };
        let valid = self.guest.cpu.valid;
        let format = &self.guest.cpu.format;
        let (frame, area) = self.guest.frame.parts();
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
    fn careful(&mut self, node: u32, order: &Order) -> Done {
        let insn = self.guest.id(node);
        let entry = self.guest.entry(node);
        if entry.care == Care::Break && !order.reported {
            return self.stopped(node, Stop::Break(insn));
        }
        if self.guest.prepare(node).is_err() {
            return self.stopped(node, Stop::Refused(insn, Refusal::NoRoom));
        }
        let traps = self.guest.single_steps();
        self.guest.frame.get().gpr.rflags &= !rflags::TF;
        let done = self.special(node, traps, order);
        if !traps {
            return done;
        }
        self.trap(node, done)
    }

    fn stopped(&mut self, node: u32, stop: Stop) -> Done {
        self.guest.set_node(node);
        Done::Stopped(stop)
    }

    fn special(&mut self, node: u32, traps: bool, order: &Order) -> Done {
        let (insn, entry) = (self.guest.id(node), self.guest.entry(node));
        match entry.kind {
            Kind::Run => self.guest.run(&entry),
            Kind::Jump => Done::Went { to: entry.jump, kind: ExitKind::Jump },
            Kind::PushFlags => {
                let frame = self.guest.frame.get();
                frame.slots[1] = visible_flags(frame.gpr.rflags) | if traps { rflags::TF } else { 0 };
                self.guest.run(&entry)
            }
            Kind::PopFlags { mask } => self.pop_flags(node, mask),
            Kind::Abort => {
                self.guest.frame.get().gpr.rax = 0;
                Done::Went { to: entry.jump, kind: ExitKind::Jump }
            }
            Kind::Refused => self.stopped(node, Stop::Refused(insn, Refusal::FarTransfer)),
            Kind::Syscall if self.syscalls == Syscalls::Stop && !order.reported => {
                self.stopped(node, Stop::Syscall(insn))
            }
            Kind::Syscall => self.guest.make_system_call(node),
        }
    }

    fn pop_flags(&mut self, node: u32, mask: u64) -> Done {
        let entry = self.guest.entry(node);
        let done = self.guest.run(&entry);
        if let Done::Went { .. } = done {
            let frame = self.guest.frame.get();
            frame.gpr.rflags = visible_flags(frame.gpr.rflags & !mask | frame.slots[1] & mask);
        }
        done
    }

    /// The trap behind an instruction that started with TF set.
    fn trap(&mut self, node: u32, done: Done) -> Done {
        let popped = matches!(self.guest.entry(node).kind, Kind::PopFlags { .. });
        if !popped {
            self.guest.frame.get().gpr.rflags |= rflags::TF;
        }
        match self.land(node, done) {
            Landing::Stopped(stop) => return Done::Stopped(stop),
            Landing::Node(to) => self.guest.set_node(to),
            Landing::Elsewhere => {}
        }
        let address = self.guest.frame.get().gpr.rip;
        Done::Stopped(Stop::Fault { signal: SIGTRAP, code: TRAP_TRACE, address })
    }
}

impl Machine for Translated {
    fn load(&mut self, program: &Program) -> Result<(), LoadError> {
        self.guest.load(program)
    }

    fn point(&mut self) -> CodePoint {
        self.guest.point()
    }

    fn set_point(&mut self, point: CodePoint) {
        self.guest.set_point(point);
    }

    fn behind(&self, exit: ExitPoint) -> CodePoint {
        self.guest.programs.behind(exit)
    }

    fn address_of(&self, point: CodePoint) -> Option<u64> {
        self.guest.programs.address_of(point)
    }

    fn locate(&self, pc: u64) -> CodePoint {
        self.guest.programs.find(pc).point
    }

    fn registers(&mut self) -> Registers {
        self.guest.registers()
    }

    fn set_registers(&mut self, registers: &Registers) -> Result<(), ControlError> {
        self.guest.set_registers(registers)
    }

    fn word(&mut self, register: Register) -> Option<u64> {
        self.guest.word(register)
    }

    fn set_breaks(&mut self, breaks: &Breaks) {
        self.guest.set_breaks(breaks);
    }

    fn go(&mut self, order: &mut Order) -> Stop {
        loop {
            let point = self.guest.point();
            let stop = match self.guest.node_at(point) {
                Some(node) => self.walk(node, order),
                None => return Stop::Nowhere,
            };
            if let Some(stop) = stop {
                return stop;
            }
        }
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) -> usize {
        self.guest.read(address, bytes)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> usize {
        self.guest.write(address, bytes)
    }
}
