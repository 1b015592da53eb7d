//! The ptrace backend.

use std::collections::BTreeSet;
use std::sync::Arc;

use midstride_frame::Register;
use midstride_os::{process, thread};

use super::call::ProcessCall;
use super::place::Generation;
use super::task::Task;
use crate::controller::{Affinity, Syscalls};
use crate::cpu::Cpu;
use crate::error::{ControlError, LoadError, StartError};
use crate::event::Death;
use crate::history::History;
use crate::machine::{Breaks, Machine, Order, Stop};
use crate::point::{CodePoint, ExitPoint};
use crate::program::{InsnId, Program};
use crate::registers::{Registers, Value};
use crate::session::Options;

pub(crate) struct Process {
    pub(super) task: Task,
    pub(super) programs: History<Generation>,
    pub(super) point: CodePoint,
    /// Breakpoints that are wanted.
    pub(super) breaks: BTreeSet<InsnId>,
    pub(super) call: Arc<ProcessCall>,
    pub(super) cpu: Cpu,
    pub(super) syscalls: Syscalls,
    stack_bytes: u64,
}

impl Process {
    pub(super) fn new(options: &Options) -> Result<Self, StartError> {
        let cpu = Cpu::detect()?;
        if options.affinity == Affinity::Together {
            // The child will be bound as this thread is. Where binding is forbidden it is only slower.
            let _ = process::pin(0, thread::processor());
        }
        let task = Task::new(options.stack_bytes, &cpu)?;
        let call = Arc::new(ProcessCall::default());
        call.connect(Some(Arc::clone(&task.child.handle)));
        Ok(Self {
            task,
            programs: History::new(),
            point: CodePoint::Nowhere,
            breaks: BTreeSet::new(),
            call,
            cpu,
            syscalls: options.syscalls,
            stack_bytes: options.stack_bytes,
        })
    }

    /// Puts a new task in the place of one that is gone, with the program that was loaded.
    pub(super) fn died(&mut self, death: Death) -> Stop {
        self.point = CodePoint::Nowhere;
        self.call.connect(None);
        // Where no new task can be had, the old one stays, and is found dead again at the next run.
        if let Ok(task) = Task::new(self.stack_bytes, &self.cpu) {
            self.task = task;
            let program = self.programs.program().cloned();
            self.programs.clear();
            if let Some(program) = program {
                // It could be placed before. If not any more, nothing is loaded.
                let _ = self.place(&program);
            }
        }
        self.call.connect(Some(Arc::clone(&self.task.child.handle)));
        Stop::Killed(death)
    }

    fn place(&mut self, program: &Program) -> Result<(), LoadError> {
        self.task.disturbed();
        let generation = self.task.child.place(program, self.task.slots)?;
        let point = self.programs.moved(self.point, &generation);
        let failed = |errno| LoadError::System { call: "write", errno };
        if let Some(old) = self.programs.current() {
            self.task.child.retire(old).map_err(failed)?;
        }
        if let Some(forgotten) = self.programs.push(generation) {
            self.task.child.forget(&forgotten).map_err(failed)?;
        }
        self.plant_all();
        self.move_to(point);
        Ok(())
    }

    /// Moves to a point; rip becomes the address that means it.
    pub(super) fn move_to(&mut self, point: CodePoint) {
        self.point = point;
        if let Some(pc) = self.programs.address_of(point)
            && self.task.regs.rip != pc
        {
            self.task.change(|regs| regs.rip = pc);
        }
    }

    /// Puts breakpoints where they are wanted, and nowhere else.
    fn plant_all(&mut self) {
        let at = |id: &InsnId| self.programs.address_of(CodePoint::At(*id));
        let wanted: BTreeSet<u64> = self.breaks.iter().filter_map(at).collect();
        let planted = self.programs.current().map(|current| current.planted.clone()).unwrap_or_default();
        planted.difference(&wanted).for_each(|pc| self.unplant(*pc));
        wanted.difference(&planted).for_each(|pc| self.plant(*pc));
    }

    /// Puts a breakpoint into the code. Nothing can be written to a task that is dead, which is heard of at the
    /// next run.
    pub(super) fn plant(&mut self, pc: u64) {
        let Some(current) = self.programs.current_mut() else { return };
        if current.planted.insert(pc) {
            let _ = self.task.child.write_code(pc, &[INT3]);
        }
    }

    /// Takes a breakpoint out.
    pub(super) fn unplant(&mut self, pc: u64) {
        let Some(current) = self.programs.current_mut() else { return };
        if current.planted.remove(&pc) {
            let _ = self.task.child.write_code(pc, &[current.byte(pc)]);
        }
    }

    /// Whether there is a breakpoint of ours at an address.
    pub(super) fn has_breakpoint(&self, pc: u64) -> bool {
        self.programs.current().is_some_and(|current| current.planted.contains(&pc))
    }
}

const INT3: u8 = 0xcc;

impl Machine for Process {
    fn load(&mut self, program: &Program) -> Result<(), LoadError> {
        self.place(program)
    }

    fn program(&self) -> Option<&Program> {
        self.programs.program()
    }

    fn point(&mut self) -> CodePoint {
        self.point
    }

    fn set_point(&mut self, point: CodePoint) {
        self.move_to(point);
    }

    fn behind(&self, exit: ExitPoint) -> CodePoint {
        self.programs.behind(exit)
    }

    fn address_of(&self, point: CodePoint) -> Option<u64> {
        self.programs.address_of(point)
    }

    fn locate(&self, pc: u64) -> CodePoint {
        self.programs.find(pc).point
    }

    fn registers(&mut self) -> Registers {
        self.task.registers(&self.cpu)
    }

    fn set_registers(&mut self, registers: &Registers) -> Result<(), ControlError> {
        if !registers.is_loadable(self.cpu.valid) {
            return Err(ControlError::Unloadable);
        }
        let rip = self.task.regs.rip;
        self.task.set_registers(registers, &self.cpu);
        self.task.change(|regs| regs.rip = rip);
        Ok(())
    }

    fn word(&mut self, register: Register) -> Option<u64> {
        if let Some(word) = self.task.regs.gprs().get(register) {
            return Some(word);
        }
        match self.registers().get(register)? {
            Value::Word(word) => Some(word),
            _ => None,
        }
    }

    fn set_breaks(&mut self, breaks: &Breaks) {
        self.breaks = breaks.keys().copied().collect();
        self.plant_all();
    }

    fn go(&mut self, order: &mut Order) -> Stop {
        self.go_on(order)
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) -> usize {
        process::read_memory(self.task.child.pid, address, bytes).unwrap_or(0)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> usize {
        // SAFETY: the child shares no memory with this process.
        unsafe { process::write_memory(self.task.child.pid, address, bytes) }.unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.call.connect(None);
    }
}
