//! Images that are written by a process with a copy-on-write view of everything.

use std::path::Path;

use midstride_statemap::State;

use super::error::FreezeError;
use super::file;
use crate::instance::Instance;
use crate::runtime::fork::Child;

/// An image being written. Dropped, it is written all the same, and waited for.
#[derive(Debug)]
pub struct Saving(Child);

impl Saving {
    /// Waits until the image is in its place.
    ///
    /// # Errors
    /// [`FreezeError::Child`]: it was not written; what was in its place is still there.
    pub fn wait(self) -> Result<(), FreezeError> {
        match self.0.wait()? {
            0 => Ok(()),
            status => Err(FreezeError::Child { status }),
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
    // Asked for now: the child has nobody to tell.
    let _ = instance.module().hash();
    let child = Child::run(|| i32::from(file::save(instance, state, path).is_err()))?;
    Ok(Saving(child))
}
