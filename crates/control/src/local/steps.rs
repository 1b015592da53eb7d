//! Native steps.

use midstride_relocate::Flow;

use super::generation::{Care, OUT, Way};
use super::guest::Guest;
use super::native::{Halt, Pace};
use super::single::Landing;
use crate::controller::Steps;
use crate::machine::{Order, Stop};
use crate::point::CodePoint;

impl Guest {
    /// Steps until something stops it.
    pub(crate) fn step_on(&mut self, steps: Steps, order: &mut Order) -> Stop {
        loop {
            if self.frame.is_called() {
                return Stop::Called;
            }
            let landing = match self.node_at(self.point()) {
                Some(node) => self.step(node, steps, order),
                None => self.step_anywhere(),
            };
            match landing {
                Landing::Stopped(stop) => return stop,
                Landing::Node(node) => self.set_node(node),
                Landing::Elsewhere => {}
            }
            order.reported = false;
            if let Some(stop) = self.count(order) {
                return stop;
            }
        }
    }

    /// Counts an instruction that was carried out.
    pub(crate) fn count(&mut self, order: &mut Order) -> Option<Stop> {
        let point = self.point();
        self.show(point, order);
        let last = order.is_last_step();
        match (point, self.node_at(point)) {
            (CodePoint::Exit(exit), _) => Some(Stop::Exit(exit)),
            (CodePoint::At(id), Some(node)) if last && self.entry(node).care == Care::Break => {
                Some(Stop::Break(id))
            }
            _ => last.then_some(Stop::Stepped),
        }
    }

    /// Carries out one instruction: natively, unless that would show or not be one.
    fn step(&mut self, node: u32, steps: Steps, order: &Order) -> Landing {
        let entry = self.entry(node);
        if entry.way == Way::Snippet || entry.care == Care::Break || self.single_steps() {
            let done = self.careful(node, order);
            return self.land(node, done);
        }
        let halt = match steps {
            Steps::Flag => self.run_native(Pace::OneInstruction),
            Steps::Breakpoints => self.run_to_breakpoint(node),
        };
        match halt {
            // It was called, but only after the instruction.
            Halt::Stopped(Stop::Called) if self.point() != CodePoint::At(entry.id) => Landing::Elsewhere,
            Halt::Stopped(Stop::Exit(_)) | Halt::Step | Halt::Moved => Landing::Elsewhere,
            Halt::Stopped(stop) => Landing::Stopped(stop),
        }
    }

    /// Runs to a breakpoint at wherever the instruction goes.
    fn run_to_breakpoint(&mut self, node: u32) -> Halt {
        let entry = self.entry(node);
        let targets = [entry.next, entry.jump].map(|to| match to {
            OUT => None,
            to if self.entry(to).care == Care::Break => None,
            to => Some(self.entry(to).pc),
        });
        if !self.goes_to_known_places(node) {
            return self.run_native(Pace::OneInstruction);
        }
        let Some(current) = self.programs.current_mut() else { return Halt::Stopped(Stop::Nowhere) };
        targets.into_iter().flatten().for_each(|pc| current.plant(pc));
        let halt = self.run_native(Pace::Free);
        if let Some(current) = self.programs.current_mut() {
            targets.into_iter().flatten().for_each(|pc| current.unplant(pc));
        }
        match halt {
            // In front of the next instruction, whose breakpoint is not yet due.
            Halt::Stopped(Stop::Break(_) | Stop::Syscall(_)) => Halt::Step,
            halt => halt,
        }
    }

    /// Whether control goes to a node or an exit point from here, and not to the instruction itself.
    fn goes_to_known_places(&self, node: u32) -> bool {
        let code = self.programs.program().map(|program| &program.nodes()[node as usize]);
        let direct = code.is_some_and(|code| {
            matches!(
                code.flow(),
                Flow::Next
                    | Flow::Jump { .. }
                    | Flow::Branch { .. }
                    | Flow::Counted { .. }
                    | Flow::Call { .. }
            ) && code.insn().is_some()
        });
        direct && self.entry(node).next != node && self.entry(node).jump != node
    }

    /// One step outside of instructions of the program.
    pub(crate) fn step_anywhere(&mut self) -> Landing {
        match self.run_native(Pace::OneInstruction) {
            Halt::Stopped(Stop::Exit(_)) | Halt::Step | Halt::Moved => Landing::Elsewhere,
            Halt::Stopped(stop) => Landing::Stopped(stop),
        }
    }
}
