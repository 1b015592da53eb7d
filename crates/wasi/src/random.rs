//! Random numbers.

use rustix::rand::{GetRandomFlags, getrandom};

use crate::errno::Errno;

/// Where random numbers come from.
#[derive(Clone, Debug)]
pub(crate) enum Random {
    /// The host's kernel.
    Host,
    /// A generator that gives the same numbers for the same seed. Not for secrets.
    Seeded(fastrand::Rng),
}

impl Random {
    pub(crate) fn from_state(state: Option<u64>) -> Self {
        state.map_or(Self::Host, |seed| Self::Seeded(fastrand::Rng::with_seed(seed)))
    }

    /// What [`from_state`](Self::from_state) needs to go on.
    pub(crate) fn state(&self) -> Option<u64> {
        if let Self::Seeded(generator) = self { Some(generator.get_seed()) } else { None }
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        if let Self::Seeded(generator) = self {
            generator.fill(bytes);
            return Ok(());
        }
        let mut done = 0;
        while done < bytes.len() {
            match getrandom(&mut bytes[done..], GetRandomFlags::empty()) {
                Ok(count) => done += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
