//! Native steps.

use midstride_os::signal::{SI_KERNEL, SIGTRAP};

use super::frame::reason;
use super::generation::{Bytes, Care, Entry, OUT, Way};
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
            if let Some(stop) = self.count(order) {
                return stop;
            }
        }
    }

    /// Counts an instruction that was carried out.
    pub(crate) fn count(&mut self, order: &mut Order) -> Option<Stop> {
        order.reported = false;
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
        if entry.way == Way::Direct && steps == Steps::Breakpoints {
            return self.step_to_breakpoint(&entry);
        }
        match self.run_native(Pace::OneInstruction) {
            // It was called, but only after the instruction.
            Halt::Stopped(Stop::Called) if self.point() != CodePoint::At(entry.id) => Landing::Elsewhere,
            Halt::Stopped(Stop::Exit(_)) | Halt::Step | Halt::Moved => Landing::Elsewhere,
            Halt::Stopped(stop) => Landing::Stopped(stop),
        }
    }

    /// Runs one instruction to a breakpoint at wherever it goes. It is entered like a snippet, with what it
    /// needs: it cannot get any further.
    fn step_to_breakpoint(&mut self, entry: &Entry) -> Landing {
        let targets = [entry.next, entry.jump].map(|to| (to != OUT).then(|| (to, self.entry(to))));
        self.exchange(&targets, Bytes::Breakpoints);
        self.frame.get().target = entry.pc;
        let why = self.enter(self.gate.enter(entry.need).get());
        self.exchange(&targets, Bytes::Code);
        let frame = self.frame.get();
        let (signal, before) = (frame.signal, frame.gpr.rip.wrapping_sub(1));
        if why == reason::SIGNAL && (signal.number, signal.code) == (SIGTRAP, SI_KERNEL) {
            let arrived = targets.iter().flatten().find(|(_, target)| target.pc == before);
            if let Some((node, _)) = arrived {
                return Landing::Node(*node);
            }
        }
        self.settle();
        match why {
            reason::CALLED if self.point() != CodePoint::At(entry.id) => Landing::Elsewhere,
            reason::CALLED => Landing::Stopped(Stop::Called),
            _ => Landing::Stopped(self.fault(signal, before.wrapping_add(1))),
        }
    }

    /// Puts breakpoints into the code, or takes them out, where there are none of the user's.
    fn exchange(&self, targets: &[Option<(u32, Entry)>; 2], bytes: Bytes) {
        let Some(current) = self.programs.current() else { return };
        let ours = targets.iter().flatten().filter(|(_, target)| target.care != Care::Break);
        ours.for_each(|(_, target)| current.exchange(target.pc, bytes));
    }

    /// One step outside of instructions of the program.
    pub(crate) fn step_anywhere(&mut self) -> Landing {
        match self.run_native(Pace::OneInstruction) {
            Halt::Stopped(Stop::Exit(_)) | Halt::Step | Halt::Moved => Landing::Elsewhere,
            Halt::Stopped(stop) => Landing::Stopped(stop),
        }
    }
}
