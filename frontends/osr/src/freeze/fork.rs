//! Images that are written by a process with a copy-on-write view of everything.

use std::io;
use std::path::Path;

use midstride_statemap::State;

use super::error::FreezeError;
use super::file::{self, ImageFile};
use crate::instance::Instance;
use crate::runtime::fork::Child;

/// An image being written. Dropped, it is written all the same, and waited for.
#[derive(Debug)]
pub struct Saving(Child);

impl Saving {
    /// Waits until the image is in its place.
    ///
    /// # Errors
    /// [`FreezeError::Io`], [`FreezeError::Child`]: it was not written; what was in its place is still
    /// there.
    pub fn wait(self) -> Result<(), FreezeError> {
        let status = self.0.wait()?;
        match status >> 8 {
            0 if status == 0 => Ok(()),
            errno @ 1..UNKNOWN if status & 0xff == 0 => Err(io::Error::from_raw_os_error(errno).into()),
            _ => Err(FreezeError::Child { status }),
        }
    }

    /// Whether it is done, well or not.
    #[must_use]
    pub fn is_done(&mut self) -> bool {
        self.0.is_done()
    }
}

/// Starts to write.
pub(crate) fn save(instance: &Instance, state: &State, path: &Path) -> Result<Saving, FreezeError> {
    // Asked for now: the child has nobody to tell, or only a number.
    if let Err(error @ FreezeError::NotAFile) = ImageFile::can_be_saved_to(path) {
        return Err(error);
    }
    let _ = instance.module().hash();
    let child = Child::run(|| file::save(instance, state, path).map_or_else(|error| status(&error), |_| 0))?;
    Ok(Saving(child))
}

/// The status of a child that could not write and cannot say why, or not by a number of the system's.
const UNKNOWN: i32 = 0xff;

/// How a child tells its parent what went wrong.
fn status(error: &FreezeError) -> i32 {
    let errno = if let FreezeError::Io(error) = error { error.raw_os_error() } else { None };
    errno.filter(|errno| (1..UNKNOWN).contains(errno)).unwrap_or(UNKNOWN)
}
