//! Instrumentation in front of an instruction.

use midstride_asm::{Gpr, Mem, Width};

use super::{BuildError, Emitter};
use crate::draft::{Draft, Probe};
use crate::exit::ExitKind;
use crate::liveness::first_without_flags;
use crate::record::{Restore, Where};
use crate::slots::{Door, Slot};

/// A block's counting probe, moved to where it costs one instruction.
pub(super) struct Hoisted {
    probe: Option<Probe>,
    index: usize,
    pub(super) flags: Flags,
}

/// Whether the program needs its arithmetic flags where it is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flags {
    Needed,
    Free,
}

impl Hoisted {
    /// The first instruction from the probe's own on before which the flags are dead, else its own.
    pub(super) fn of(draft: &Draft) -> Self {
        let own = draft.steps().position(|step| step.probe().is_some_and(Probe::is_count));
        let free = own.and_then(|own| first_without_flags(draft, own));
        let flags = if free.is_some() { Flags::Free } else { Flags::Needed };
        let probe = own.and_then(|index| draft.step(index)?.probe());
        Self { probe, index: free.or(own).unwrap_or(0), flags }
    }

    /// The probe, when it belongs before this instruction.
    pub(super) fn take_at(&mut self, index: usize) -> Option<Probe> {
        if index == self.index { self.probe.take() } else { None }
    }
}

impl Emitter<'_, '_> {
    /// Writes `probe`; `flags` is about those of a count.
    pub(super) fn probe(&mut self, probe: Probe, flags: Flags, app_offset: u16) -> Result<(), BuildError> {
        self.record_here(app_offset, Where::Fixed, Restore::NONE);
        match probe {
            Probe::Count { offset } => self.count(offset, flags, app_offset),
            Probe::Callout { id } => self.callout(id, app_offset)?,
        }
        self.probe_end = Some(self.hot.offset());
        Ok(())
    }

    /// Adds one to a counter: one instruction where the flags are dead, else by way of a register.
    fn count(&mut self, offset: i32, flags: Flags, app_offset: u16) {
        let counter = self.env.slots.at(offset);
        if flags == Flags::Free {
            self.hot.inc_m(Width::W64, counter);
            return;
        }
        // Saved even if it is dead: a signal handler would see it changed.
        let (reg, saved) = (Gpr::Rax, self.env.slots.slot(Slot::Probe));
        self.hot.mov_mr(Width::W64, saved, reg);
        self.record_with(self.hot.offset(), app_offset, Where::Fixed, Restore::PROBE, reg);
        self.hot.mov_rm(Width::W64, reg, counter);
        self.hot.lea(Width::W64, reg, Mem::base(reg, 1));
        self.hot.mov_mr(Width::W64, counter, reg);
        self.hot.mov_rm(Width::W64, reg, saved);
    }

    /// Enters the gate, which comes back behind the jump.
    fn callout(&mut self, id: u32, app_offset: u16) -> Result<(), BuildError> {
        let at = self.app.add(u64::from(app_offset));
        // `jmp rel32` has 5 bytes; the gate resumes behind it.
        let resume = self.hot.pc().add(5);
        let (stub, _) = self.stub(Door::Callout, at, at, ExitKind::Callout { id, resume })?;
        self.hot.jmp_to(stub);
        Ok(())
    }
}
