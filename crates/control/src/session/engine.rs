//! What is the same for all machines: orders, breakpoints, events.

use midstride_frame::Register;

use crate::calls::Abi;
use crate::condition::Condition;
use crate::controller::{Activity, Capture, Edit, State, Visit};
use crate::error::{ControlError, LoadError};
use crate::event::{Event, Events, Fault, Refusal};
use crate::machine::{Breaks, Machine, Order, Stop};
use crate::point::CodePoint;
use crate::program::{InsnId, Program};

pub(super) struct Engine {
    machine: Box<dyn Machine>,
    events: Events,
    breaks: Breaks,
    /// What the machine is running for.
    order: Option<Order>,
    /// Whether what stands at the current point was reported.
    reported: bool,
    /// Whether the exit at the current point was reported.
    exited: bool,
}

impl Engine {
    pub(super) fn new(machine: Box<dyn Machine>, events: Events) -> Self {
        Self { machine, events, breaks: Breaks::new(), order: None, reported: false, exited: false }
    }

    /// Makes the thread ready to run programs.
    pub(super) fn sit(&mut self) {
        self.machine.sit();
    }

    /// Leaves the thread as it was.
    pub(super) fn rise(&mut self) {
        self.machine.rise();
    }

    pub(super) fn is_running(&self) -> bool {
        self.order.is_some()
    }

    /// Lets the machine run until it stops or is called.
    pub(super) fn run(&mut self) {
        let Some(order) = &mut self.order else { return };
        match self.machine.go(order) {
            Stop::Called => {}
            Stop::Break(insn) if !self.counts(insn) => {
                if let Some(order) = &mut self.order {
                    order.reported = true;
                }
            }
            stop => {
                let reported = matches!(stop, Stop::Break(_) | Stop::Syscall(_));
                let progress = self.order.take().is_none_or(|order| !order.reported);
                self.reported = reported || !progress && self.reported;
                self.exited = matches!(stop, Stop::Exit(_));
                let event = self.event(stop);
                self.events.push(event);
            }
        }
    }

    /// Whether the condition of a breakpoint holds.
    fn counts(&mut self, insn: InsnId) -> bool {
        let condition = self.breaks.get(&insn).copied().flatten();
        condition.is_none_or(|condition| {
            self.machine.word(condition.register).is_some_and(|word| condition.holds(word))
        })
    }

    fn event(&mut self, stop: Stop) -> Event {
        match stop {
            Stop::Exit(exit) => Event::Exit(exit),
            Stop::Break(insn) => Event::Breakpoint { insn },
            Stop::Syscall(insn) => self.syscall(insn),
            Stop::Fault { signal, code, address } => {
                let registers = self.machine.registers();
                let at = self.machine.point();
                Event::Fault(Box::new(Fault { signal, code, address, at, registers }))
            }
            Stop::Refused(insn, reason) => Event::Refused { insn, reason },
            Stop::Killed(death) => Event::Killed(death),
            Stop::Stepped => Event::Step { at: self.machine.point() },
            Stop::Called | Stop::Nowhere => Event::Stopped { at: self.machine.point() },
        }
    }

    fn syscall(&mut self, insn: InsnId) -> Event {
        let node = self.machine.program().and_then(|program| program.node(insn));
        let Some(abi) = node.and_then(|node| Abi::of(node.flow())) else {
            return Event::Refused { insn, reason: Refusal::FarTransfer };
        };
        let mut word = |register| self.machine.word(register).unwrap_or_default();
        Event::Syscall { insn, number: word(Register::RAX), args: abi.arguments().map(word) }
    }

    pub(super) fn load(&mut self, program: &Program) -> Result<(), LoadError> {
        let before = self.machine.point();
        self.machine.load(program)?;
        self.machine.set_breaks(&self.breaks);
        if self.machine.point() != before {
            self.forget_report();
        }
        Ok(())
    }

    fn forget_report(&mut self) {
        (self.reported, self.exited) = (false, false);
        if let Some(order) = &mut self.order {
            order.reported = false;
        }
    }

    pub(super) fn run_from(&mut self, from: InsnId) -> Result<(), ControlError> {
        if self.is_running() {
            return Err(ControlError::Running);
        }
        self.move_to(CodePoint::At(from))?;
        self.resume(None, None)
    }

    pub(super) fn resume(
        &mut self,
        steps: Option<u64>,
        trace: Option<(Capture, Visit)>,
    ) -> Result<(), ControlError> {
        if self.is_running() {
            return Err(ControlError::Running);
        }
        let point = self.machine.point();
        let from = match point {
            // Behind an exit there may be something by now.
            CodePoint::Exit(exit) => self.machine.behind(exit),
            point => point,
        };
        if from == CodePoint::Nowhere || from == point && self.exited {
            return Err(ControlError::Nowhere { point });
        }
        if from != point {
            self.machine.set_point(from);
        }
        self.exited = false;
        self.order = Some(Order { reported: self.reported, steps, trace });
        Ok(())
    }

    pub(super) fn interrupt(&mut self) {
        if let Some(order) = self.order.take() {
            self.reported = order.reported;
            let at = self.machine.point();
            self.events.push(Event::Stopped { at });
        }
    }

    pub(super) fn cancel(&mut self) {
        let ran = self.order.take().is_some();
        self.reported = false;
        self.machine.set_point(CodePoint::Nowhere);
        if ran {
            self.events.push(Event::Cancelled);
        }
    }

    pub(super) fn state(&mut self) -> State {
        let activity = if self.is_running() { Activity::Running } else { Activity::Stopped };
        let registers = self.machine.registers();
        State { registers, point: self.machine.point(), activity }
    }

    pub(super) fn change(&mut self, edit: Edit) -> Result<(), ControlError> {
        let before = self.state();
        let mut after = before.clone();
        edit(&mut after);
        let point = match after {
            State { point, .. } if point != before.point => point,
            State { ref registers, .. } if registers.gpr.rip != before.registers.gpr.rip => {
                self.machine.locate(registers.gpr.rip)
            }
            _ => before.point,
        };
        self.can_move_to(point)?;
        self.machine.set_registers(&after.registers)?;
        if point != before.point {
            self.machine.set_point(point);
            self.forget_report();
        }
        Ok(())
    }

    fn move_to(&mut self, point: CodePoint) -> Result<(), ControlError> {
        self.can_move_to(point)?;
        self.machine.set_point(point);
        self.forget_report();
        Ok(())
    }

    fn can_move_to(&self, point: CodePoint) -> Result<(), ControlError> {
        let needed = match point {
            CodePoint::At(id) | CodePoint::Inside { insn: id, .. } => Some(id),
            _ => None,
        };
        match needed.filter(|_| self.machine.address_of(point).is_none()) {
            Some(id) => Err(ControlError::Unknown { id }),
            None => Ok(()),
        }
    }

    pub(super) fn set_break(&mut self, at: InsnId, condition: Option<Condition>) {
        self.breaks.insert(at, condition);
        self.machine.set_breaks(&self.breaks);
    }

    pub(super) fn clear_break(&mut self, at: InsnId) {
        self.breaks.remove(&at);
        self.machine.set_breaks(&self.breaks);
    }

    pub(super) fn address_of(&mut self, point: CodePoint) -> Option<u64> {
        self.machine.address_of(point)
    }

    pub(super) fn read(&mut self, address: u64, wanted: usize) -> Vec<u8> {
        let mut bytes = vec![0; wanted];
        let done = self.machine.read(address, &mut bytes);
        bytes.truncate(done);
        bytes
    }

    pub(super) fn write(&mut self, address: u64, bytes: &[u8]) -> usize {
        self.machine.write(address, bytes)
    }
}
