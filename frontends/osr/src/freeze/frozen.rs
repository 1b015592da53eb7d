//! A stopped instance.

use std::path::Path;

use midstride_statemap::{HostState, Image, Phase, State};

use super::capture::{standing, state};
use super::error::FreezeError;
use super::fork::Saving;
use super::{file, fork};
use crate::compile::sites::RESUME_NOTE;
use crate::instance::{HostCall, Instance, Stopped};
use crate::runtime::enter;
use crate::trap::{Trap, TrapKind};
use crate::value::Val;

/// How far a function has come.
#[derive(Debug)]
pub enum Outcome {
    /// To its end, with these results.
    Done(Vec<Val>),
    /// It was frozen.
    Frozen(Frozen),
}

impl Outcome {
    /// What a call of a function of `owner`'s has come to.
    pub(crate) fn of(owner: Option<&Instance>, result: Result<Vec<Val>, Trap>) -> Result<Self, Trap> {
        match (owner, result) {
            (_, Ok(results)) => Ok(Self::Done(results)),
            (Some(instance), Err(trap)) if trap.kind() == TrapKind::Frozen => {
                Ok(Self::Frozen(Frozen::new(instance)))
            }
            (_, Err(trap)) => Err(trap),
        }
    }

    /// The results, if it is done.
    #[must_use]
    pub fn results(self) -> Option<Vec<Val>> {
        if let Self::Done(results) = self { Some(results) } else { None }
    }

    /// The instance, if it was frozen.
    #[must_use]
    pub fn frozen(self) -> Option<Frozen> {
        if let Self::Frozen(frozen) = self { Some(frozen) } else { None }
    }
}

/// An instance that does not run: frozen, trapped, thawed and not yet continued, or not entered at all.
///
/// Its frames are on its stack. They are lost when something else is called in the instance.
#[derive(Clone, Debug)]
pub struct Frozen {
    instance: Instance,
    host: Vec<HostState>,
}

impl Frozen {
    pub(crate) fn new(instance: &Instance) -> Self {
        Self { instance: instance.clone(), host: Vec::new() }
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Adds what a part of the host keeps for the instance, in the place of what had the name before.
    pub fn set_host_state(&mut self, name: &str, bytes: Vec<u8>) {
        self.host.retain(|part| part.name != name);
        self.host.push(HostState { name: name.to_owned(), bytes });
        self.host.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// What parts of the host keep for it.
    #[must_use]
    pub fn host_state(&self) -> &[HostState] {
        &self.host
    }

    /// Its state: everything but what its memories contain.
    ///
    /// # Errors
    /// [`FreezeError`]: what cannot be told.
    pub fn state(&self) -> Result<State, FreezeError> {
        Ok(State { host: self.host.clone(), ..state(&self.instance)? })
    }

    /// Its image, in memory: a copy that can be edited.
    ///
    /// # Errors
    /// [`FreezeError`]: what cannot be told.
    pub fn image(&self) -> Result<Image, FreezeError> {
        let mut state = self.state()?;
        for (copy, memory) in state.memories.iter_mut().zip(self.instance.memories()) {
            // SAFETY: the instance does not run, and the bytes are only read, here.
            let bytes = unsafe { memory.bytes() };
            for (chunk, start) in bytes.chunks(midstride_statemap::PAGE_BYTES).zip((0u64..).step_by(4096)) {
                // The memory has this size, so it is in bounds.
                let _ = copy.write(start, chunk);
            }
        }
        Ok(Image { module: *self.instance.module().hash(), state })
    }

    /// Writes its image to a file: beside it first, then to the disk, then in its place. Bytes written.
    ///
    /// # Errors
    /// [`FreezeError`]; what was at `path` is still there then.
    pub fn save(&self, path: &Path) -> Result<u64, FreezeError> {
        file::save(&self.instance, &self.state()?, path)
    }

    /// As [`save`](Self::save), by a process that has a copy-on-write view of everything: this one can
    /// [go on](Self::resume) at once.
    ///
    /// # Errors
    /// [`FreezeError`]; nothing is written.
    pub fn save_in_background(&self, path: &Path) -> Result<Saving, FreezeError> {
        fork::save(&self.instance, &self.state()?, path)
    }

    /// Goes on where it stopped. What was not running is done.
    ///
    /// # Errors
    /// What it traps with; an instance that has trapped needs its image to be thawed.
    pub fn resume(self) -> Result<Outcome, Trap> {
        let (oldest, fp, waiting) = match self.standing().map_err(Trap::host)? {
            None => return Ok(Outcome::Done(Vec::new())),
            Some(standing) => standing,
        };
        // SAFETY: nothing has run on the stack since the code stopped there, or the frames were built.
        let result = unsafe { enter::resume(&self.instance, oldest, fp, waiting) };
        Outcome::of(Some(&self.instance), result)
    }

    /// The function of the oldest frame, the way out's frame pointer, and the host call that is waited for.
    fn standing(&self) -> Result<Option<(u32, u64, Option<HostCall>)>, FreezeError> {
        let stack = standing(&self.instance)?;
        let (Some(youngest), Some(oldest)) = (stack.first(), stack.last()) else { return Ok(None) };
        let (site, function) = (&youngest.located.site, youngest.located.entry.function);
        let waiting = match (site.phase, self.instance.waiting()) {
            (Phase::Entry | Phase::Loop, _) => None,
            (Phase::Trap, _) if site.note == RESUME_NOTE || self.instance.rest().is_some() => None,
            (Phase::Call, Some(waiting)) => Some(waiting),
            _ => return Err(FreezeError::NotInPlace { function }),
        };
        match self.instance.stopped() {
            Some(Stopped::Way { fp }) => Ok(Some((oldest.located.entry.function, fp, waiting))),
            _ => Err(FreezeError::NotInPlace { function }),
        }
    }
}
