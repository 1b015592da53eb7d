//! Messages to descriptor 2.

use core::fmt;

use crate::file;

/// Writes text to descriptor 2 without a buffer.
///
/// ```
/// use core::fmt::Write;
///
/// writeln!(midstride_os::Stderr, "block at {:#x}", 0x1000)?;
/// # Ok::<(), core::fmt::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

impl fmt::Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        file::write_all(2, text.as_bytes()).map_err(|_| fmt::Error)
    }
}
