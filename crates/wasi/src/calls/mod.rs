//! The functions' bodies. Each takes its arguments in the interface's order; pointers are checked before
//! anything is done.

pub(crate) mod clock;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod file;
pub(crate) mod io;
pub(crate) mod open;
pub(crate) mod path;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod socket;
pub(crate) mod times;
