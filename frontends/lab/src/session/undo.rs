//! States to go back to.

use std::path::PathBuf;

use midstride_control::{CodePoint, Condition, Controller, InsnId, State};

use super::listing::Listing;
use super::place::{self, Place};
use super::{Session, Sink};
use crate::error::Error;
use crate::event::Why;

/// Program, registers and memory before a command. Only the memory of [`Place`] is part of it.
pub(super) struct Snapshot {
    listing: Listing,
    file: Option<PathBuf>,
    breaks: Vec<(InsnId, Option<Condition>)>,
    state: State,
    image: Vec<u8>,
    stack: Vec<u8>,
}

impl Snapshot {
    fn bytes(&self) -> usize {
        self.image.len() + self.stack.len() + self.listing.source.len()
    }
}

/// Bytes of snapshots that are kept.
const MAX_BYTES: usize = 64 << 20;

impl Session {
    /// Keeps the state as it is, so that it can be gone back to.
    pub(super) fn remember(&mut self) -> Result<(), Error> {
        let snapshot = self.snapshot()?;
        self.keep(snapshot);
        Ok(())
    }

    pub(super) fn keep(&mut self, snapshot: Snapshot) {
        self.past.push(snapshot);
        while self.past.iter().map(Snapshot::bytes).sum::<usize>() > MAX_BYTES && self.past.len() > 1 {
            self.past.remove(0);
        }
    }

    /// How many states there are to go back to.
    pub(crate) fn states(&self) -> usize {
        self.past.len()
    }

    /// Forgets what was kept for a command that was not carried out.
    pub(crate) fn forget_states_beyond(&mut self, states: usize) {
        self.past.truncate(states);
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, Error> {
        let (stack, end) = (self.place.stack(), self.listing.assembly.end());
        Ok(Snapshot {
            listing: self.listing.clone(),
            file: self.file.clone(),
            breaks: self.breaks.clone(),
            state: self.control.state()?,
            image: self.read(self.place.base, (end - self.place.base) as usize)?,
            stack: self.read(stack.start, (stack.end - stack.start) as usize)?,
        })
    }

    pub(super) fn read(&self, address: u64, count: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; count];
        self.control.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// Takes the last command back.
    pub(crate) fn undo(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        let snapshot = self.past.pop().ok_or(Error::Nothing { what: "undo" })?;
        self.before = self.state()?.registers;
        self.restore(snapshot)?;
        let now = self.state()?;
        now.registers.changes(&self.before).iter().for_each(|change| sink(crate::Event::Changed(change)));
        if matches!(now.point, CodePoint::At(_)) {
            self.tell_place(now.point, Why::Waiting, sink);
        }
        Ok(())
    }

    pub(super) fn restore(&mut self, snapshot: Snapshot) -> Result<(), Error> {
        self.control.cancel()?;
        self.drain();
        let Snapshot { listing, file, breaks, state, image, stack } = snapshot;
        self.install(listing)?;
        self.control.write(self.place.base, &image)?;
        self.control.write(self.place.stack().start, &stack)?;
        self.file = file;
        self.set_breaks(breaks)?;
        let known = matches!(state.point, CodePoint::At(id) if self.listing.line(id).is_some());
        Ok(self.control.change(Box::new(move |now| {
            let rip = now.registers.gpr.rip;
            now.registers = state.registers;
            now.registers.gpr.rip = rip;
            if known {
                now.point = state.point;
            }
        }))?)
    }

    fn set_breaks(&mut self, breaks: Vec<(InsnId, Option<Condition>)>) -> Result<(), Error> {
        for (id, _) in std::mem::take(&mut self.breaks) {
            self.control.clear_break(id)?;
        }
        for (id, condition) in &breaks {
            self.control.set_break(*id, *condition)?;
        }
        self.breaks = breaks;
        Ok(())
    }

    /// Gives a new task its memory and registers, when the one before is gone.
    pub(super) fn restore_place(&mut self) -> Result<(), Error> {
        let mut byte = [0];
        if self.control.read(self.place.base, &mut byte).is_err() {
            self.place = Place::map(&self.control, Some(self.place))?;
        }
        let listing = std::mem::replace(&mut self.listing, Listing::empty(self.place.base));
        self.install(listing)?;
        let place = self.place;
        self.control.change(Box::new(move |state| {
            state.registers = place::first_registers(state.registers.valid, place);
        }))?;
        self.write_way_out()
    }
}
