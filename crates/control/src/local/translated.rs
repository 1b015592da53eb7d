//! Translated steps: one instruction at a time, without help of the kernel.

use super::generation::Care;
use super::guest::Guest;
use super::single::Landing;
use crate::machine::{Order, Stop};
use crate::point::CodePoint;

impl Guest {
    /// Goes on from a node of the current program; `None` when control left its nodes.
    pub(crate) fn walk(&mut self, first: u32, order: &mut Order) -> Option<Stop> {
        let mut node = first;
        loop {
            if self.frame.is_called() {
                self.set_node(node);
                return Some(Stop::Called);
            }
            let done = match self.entry(node) {
                entry if entry.care == Care::None && !self.single_steps() => self.run(&entry),
                _ => self.careful(node, order),
            };
            match self.land(node, done) {
                Landing::Node(to) => node = to,
                Landing::Elsewhere => return self.count(order),
                Landing::Stopped(stop) => return Some(stop),
            }
            order.reported = false;
            if order.is_counted()
                && let Some(stop) = self.count_at(node, order)
            {
                return Some(stop);
            }
        }
    }

    /// Counts an instruction that went to a node.
    fn count_at(&mut self, node: u32, order: &mut Order) -> Option<Stop> {
        if order.trace.is_some() {
            let entry = self.entry(node);
            self.frame.get().gpr.rip = entry.pc;
            self.show(CodePoint::At(entry.id), order);
        }
        if !order.is_last_step() {
            return None;
        }
        self.set_node(node);
        let entry = self.entry(node);
        Some(if entry.care == Care::Break { Stop::Break(entry.id) } else { Stop::Stepped })
    }
}
