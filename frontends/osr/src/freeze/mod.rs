//! Freezing running instances, and continuing them.
//!
//! A freeze is a way out of compiled code that leaves the frames where they are: at a poll, in a host
//! call, at a trap. They are read there, with types from the validator, as a [`State`], which knows nothing
//! of this compiler. A thaw builds such frames on the stack of a new instance and goes on as if the runtime
//! returned.

mod callee;
mod capture;
mod error;
mod file;
mod fork;
mod frozen;
mod restore;
mod thaw;
mod values;

pub use error::{FreezeError, Holder, ImageFileError, ThawError};
pub use file::{ImageFile, PageCheck};
pub use fork::Saving;
pub use frozen::{Frozen, Outcome};

#[cfg(doc)]
use midstride_statemap::State;
