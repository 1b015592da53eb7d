//! The two backends in this process.

use midstride_frame::Register;

use super::generation::Care;
use super::guest::Guest;
use super::native::{Halt, Pace};
use super::single::Landing;
use super::snippet::Kind;
use crate::controller::{Steps, Syscalls};
use crate::error::{ControlError, LoadError};
use crate::machine::{Breaks, Machine, Order, Stop};
use crate::point::{CodePoint, ExitPoint};
use crate::program::Program;
use crate::registers::Registers;

/// A program in this process.
pub(crate) struct Local {
    guest: Guest,
    style: Style,
}

/// How it is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Always by snippets.
    Translated,
    /// Natively.
    Native(Steps),
}

impl Local {
    pub(crate) fn new(guest: Guest, style: Style) -> Self {
        Self { guest, style }
    }

    fn walk_on(&mut self, order: &mut Order) -> Stop {
        loop {
            let stop = match self.guest.node_at(self.guest.point()) {
                Some(node) => self.guest.walk(node, order),
                None => self.walk_outside(order),
            };
            if let Some(stop) = stop {
                return stop;
            }
        }
    }

    /// One instruction that is none of the program's.
    fn walk_outside(&mut self, order: &mut Order) -> Option<Stop> {
        if self.guest.frame.is_called() {
            return Some(Stop::Called);
        }
        if let Landing::Stopped(stop) = self.guest.step_anywhere() {
            return Some(stop);
        }
        self.guest.count(order)
    }

    /// Runs natively until something stops it.
    fn run_on(&mut self, order: &mut Order) -> Stop {
        loop {
            if let Some(stop) = self.get_over(order) {
                return stop;
            }
            match self.guest.run_native(Pace::Free) {
                Halt::Stopped(Stop::Syscall(_)) if self.guest.syscalls == Syscalls::Make => {}
                Halt::Stopped(stop) => {
                    order.reported &= stop == Stop::Called;
                    return stop;
                }
                Halt::Moved | Halt::Step => {}
            }
            order.reported = false;
        }
    }

    /// Carries out what cannot be run natively: an instruction that has a breakpoint in its place, or one that
    /// enters the kernel.
    fn get_over(&mut self, order: &mut Order) -> Option<Stop> {
        while let Some(node) = self.guest.node_at(self.guest.point()) {
            if self.guest.frame.is_called() {
                return Some(Stop::Called);
            }
            let entry = self.guest.entry(node);
            if entry.care != Care::Break && entry.kind != Kind::Syscall {
                return None;
            }
            let done = self.guest.careful(node, order);
            match self.guest.land(node, done) {
                Landing::Stopped(stop) => return Some(stop),
                Landing::Node(node) => self.guest.set_node(node),
                Landing::Elsewhere => {}
            }
            order.reported = false;
        }
        match self.guest.point() {
            CodePoint::Exit(exit) => Some(Stop::Exit(exit)),
            _ => None,
        }
    }
}

impl Machine for Local {
    fn sit(&mut self) {
        self.guest.seat.sit();
    }

    fn rise(&mut self) {
        self.guest.seat.rise();
    }

    fn load(&mut self, program: &Program) -> Result<(), LoadError> {
        self.guest.load(program)
    }

    fn program(&self) -> Option<&Program> {
        self.guest.programs.program()
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
        if self.style != Style::Translated {
            self.guest.plant_breaks();
        }
    }

    fn go(&mut self, order: &mut Order) -> Stop {
        match self.guest.point() {
            CodePoint::Nowhere => return Stop::Nowhere,
            CodePoint::Exit(exit) => return Stop::Exit(exit),
            _ => {}
        }
        match self.style {
            Style::Translated => self.walk_on(order),
            Style::Native(steps) if order.is_counted() => self.guest.step_on(steps, order),
            Style::Native(_) => self.run_on(order),
        }
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) -> usize {
        self.guest.read(address, bytes)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> usize {
        self.guest.write(address, bytes)
    }
}
