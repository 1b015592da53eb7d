//! Starting controllers, which may run programs in this process.

use midstride_control::{Backend, Options, Session as Control};

use super::Session;
use crate::error::Error;

/// Whether the user answers for what instructions do to this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trust {
    Full,
    Isolated,
}

/// A controller, if the user may have it.
pub(super) fn start_control(backend: Backend, trust: Trust) -> Result<Control, Error> {
    if trust == Trust::Isolated && backend != Backend::Ptrace {
        return Err(Error::NotIsolated { backend });
    }
    // SAFETY: programs under ptrace run in a process of their own; for the others, whoever started the session
    // took that duty (`Session::start`).
    Ok(unsafe { Control::start(backend, Options::default()) }?)
}

impl Session {
    /// Starts a session with an empty program, in a process of its own: whatever the instructions do, they do it
    /// there. The other backends are not to be had later.
    ///
    /// # Errors
    /// [`Error::Start`], [`Error::NoMemory`].
    pub fn isolated() -> Result<Self, Error> {
        Self::new(Backend::Ptrace, Trust::Isolated)
    }

    /// Starts a session with an empty program.
    ///
    /// # Errors
    /// [`Error::Start`], [`Error::NoMemory`].
    ///
    /// # Safety
    /// With [`Backend::Signal`] and [`Backend::Translated`], now or when a command asks for them later, instructions
    /// run in this process: whoever types them answers for what they do to its memory.
    pub unsafe fn start(backend: Backend) -> Result<Self, Error> {
        Self::new(backend, Trust::Full)
    }
}
