//! A program in this process: its memory, its registers, its place.

use std::sync::Arc;

use midstride_frame::{Register, rflags};
use midstride_os::probe;
use midstride_os::signal::SigSet;
use midstride_slab::Region;

use super::base::{self, Base};
use super::call::LocalCall;
use super::frame::FrameRef;
use super::gate::Gate;
use super::generation::{Entry, Generation, Surroundings};
use super::seat::{Guarded, Seat};
use super::thread;
use crate::controller::Syscalls;
use crate::cpu::Cpu;
use crate::error::{ControlError, LoadError, StartError};
use crate::history::History;
use crate::machine::Breaks;
use crate::point::CodePoint;
use crate::program::{InsnId, Program};
use crate::registers::{Registers, changed_flags, visible_flags};
use crate::session::Options;

/// What is left free above the first rsp.
const ABOVE: u64 = 64;

/// Everything about the program. Fields are dropped in order.
pub(crate) struct Guest {
    pub(crate) frame: FrameRef,
    pub(crate) gate: Gate,
    pub(crate) cpu: Cpu,
    pub(crate) programs: History<Generation>,
    /// Where the program is.
    point: CodePoint,
    pub(crate) call: Arc<LocalCall>,
    pub(crate) syscalls: Syscalls,
    /// The signals that the program believes it blocks.
    pub(crate) mask: SigSet,
    pub(crate) seat: Seat,
    stack: Guarded,
    /// Gate and frame.
    base: Region,
}

impl Guest {
    /// A program's surroundings, for the calling thread.
    pub(crate) fn new(options: &Options) -> Result<Self, StartError> {
        let cpu = Cpu::detect()?;
        let Base { region: base, mut frame, gate, .. } = Base::new(&cpu, 0)?;
        let stack = Guarded::new(options.stack_bytes)?;
        (frame.get().host, frame.get().gate) = (thread::host(), gate.places);
        let seat = Seat::take(frame)?;
        let call = Arc::new(LocalCall::new(frame));
        let (programs, point) = (History::new(), CodePoint::Nowhere);
        let mut guest = Self {
            frame,
            gate,
            cpu,
            programs,
            point,
            call,
            syscalls: options.syscalls,
            mask: SigSet::EMPTY,
            seat,
            stack,
            base,
        };
        guest.begin();
        Ok(guest)
    }

    /// Puts everything but the program and memory to the state a program finds first.
    pub(crate) fn begin(&mut self) {
        let mut registers = Registers::new(self.cpu.valid);
        registers.gpr.rsp = self.stack.end() - ABOVE;
        self.store(&registers);
        self.point = CodePoint::Nowhere;
        self.mask = SigSet::EMPTY;
    }

    /// Goes through a door of the gate; says why the program was left.
    #[inline]
    pub(crate) fn enter(&self, door: u64) -> u32 {
        base::enter(door)
    }

    pub(crate) fn load(&mut self, program: &Program) -> Result<(), LoadError> {
        let generation = Generation::new(program, &self.surroundings())?;
        let point = self.programs.moved(self.point, &generation);
        if let Some(old) = self.programs.current() {
            old.retire();
        }
        drop(self.programs.push(generation));
        self.set_point(point);
        Ok(())
    }

    pub(crate) fn prepare(&mut self, node: u32) -> Result<(), LoadError> {
        let to = Surroundings {
            frame: self.frame,
            gate: &self.gate,
            near: base::near(&self.base),
            cpu: &self.cpu,
        };
        self.programs.current_mut().map_or(Ok(()), |current| current.prepare(node, &to))
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { frame: self.frame, gate: &self.gate, near: base::near(&self.base), cpu: &self.cpu }
    }

    /// What the stepping loop knows of a node of the current program.
    ///
    /// # Panics
    /// When there is no such node.
    #[inline]
    pub(crate) fn entry(&self, node: u32) -> Entry {
        let current = self.programs.current().expect("nodes are those of a program");
        current.entries[node as usize]
    }

    /// Who a node of the current program is.
    pub(crate) fn id(&self, node: u32) -> InsnId {
        self.entry(node).id
    }

    /// The node of the current program that `point` is in front of.
    pub(crate) fn node_at(&self, point: CodePoint) -> Option<u32> {
        match point {
            CodePoint::At(id) => self.programs.program()?.index_of(id),
            _ => None,
        }
    }

    /// Moves in front of a node of the current program.
    pub(crate) fn set_node(&mut self, node: u32) {
        let Entry { id, pc, .. } = self.entry(node);
        self.point = CodePoint::At(id);
        self.frame.get().gpr.rip = pc;
    }

    /// Whether the program has TF set.
    #[inline]
    pub(crate) fn single_steps(&mut self) -> bool {
        self.frame.get().gpr.rflags & rflags::TF != 0
    }

    pub(crate) fn set_breaks(&mut self, breaks: &Breaks) {
        if let Some(current) = self.programs.current_mut() {
            current.mark(breaks);
        }
    }

    /// Puts the breakpoints into the code.
    pub(crate) fn plant_breaks(&mut self) {
        if let Some(current) = self.programs.current_mut() {
            current.plant_marked();
        }
    }

    pub(crate) fn point(&self) -> CodePoint {
        self.point
    }

    pub(crate) fn set_point(&mut self, point: CodePoint) {
        self.point = point;
        if let Some(pc) = self.programs.address_of(point) {
            self.frame.get().gpr.rip = pc;
        }
    }

    pub(crate) fn registers(&mut self) -> Registers {
        let mut registers = Registers::new(self.cpu.valid);
        let frame = self.frame.get();
        registers.gpr = frame.gpr;
        registers.gpr.rflags = visible_flags(frame.gpr.rflags);
        (registers.fs_base, registers.gs_base) = (frame.fs_base, frame.gs_base);
        self.cpu.format.read(self.frame.parts().1, &mut registers);
        registers
    }

    pub(crate) fn set_registers(&mut self, registers: &Registers) -> Result<(), ControlError> {
        if !registers.is_loadable(self.cpu.valid) {
            return Err(ControlError::Unloadable);
        }
        let (rip, flags) = (self.frame.get().gpr.rip, self.frame.get().gpr.rflags);
        self.store(registers);
        let gpr = &mut self.frame.get().gpr;
        (gpr.rip, gpr.rflags) = (rip, changed_flags(flags, gpr.rflags));
        Ok(())
    }

    fn store(&mut self, registers: &Registers) {
        let frame = self.frame.get();
        frame.gpr = registers.gpr;
        frame.gpr.rflags = visible_flags(registers.gpr.rflags);
        (frame.fs_base, frame.gs_base) = (registers.fs_base, registers.gs_base);
        let format = self.cpu.format;
        format.write(registers, self.frame.parts().1);
    }

    pub(crate) fn word(&mut self, register: Register) -> Option<u64> {
        let frame = self.frame.get();
        match frame.gpr.get(register) {
            Some(word) => Some(word),
            None => match self.registers().get(register)? {
                crate::registers::Value::Word(word) => Some(word),
                _ => None,
            },
        }
    }

    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) -> usize {
        probe::read_own(address, bytes).unwrap_or(0)
    }

    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> usize {
        // SAFETY: whoever has programs run in this process answers for the memory they are given to use.
        unsafe { probe::write_own(address, bytes) }.unwrap_or(0)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.call.disconnect();
    }
}
