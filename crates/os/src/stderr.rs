//! Messages to descriptor 2.

use core::fmt::{self, Write};

use crate::Errno;
use crate::file;

/// Writes text to descriptor 2; what one `write!` says in one call, up to 1280 bytes, so that messages of several
/// processes do not mix.
///
/// ```
/// use core::fmt::Write;
///
/// writeln!(midstride_os::Stderr, "block at {:#x}", 0x1000)?;
/// # Ok::<(), core::fmt::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

impl Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        file::write_all(2, text.as_bytes()).map_err(|_| fmt::Error)
    }

    fn write_fmt(&mut self, message: fmt::Arguments<'_>) -> fmt::Result {
        let mut pieces =
            Collected { bytes: [0; MOST_BYTES], used: 0, to: |bytes: &[u8]| file::write_all(2, bytes) };
        pieces.write_fmt(message)?;
        pieces.write_out()
    }
}

/// A path of 1024 bytes, and words around it.
const MOST_BYTES: usize = 1280;

/// The pieces of a message until they are written together.
struct Collected<W> {
    bytes: [u8; MOST_BYTES],
    used: usize,
    to: W,
}

impl<W: FnMut(&[u8]) -> Result<(), Errno>> Collected<W> {
    fn write_out(&mut self) -> fmt::Result {
        let used = core::mem::take(&mut self.used);
        (self.to)(&self.bytes[..used]).map_err(|_| fmt::Error)
    }
}

impl<W: FnMut(&[u8]) -> Result<(), Errno>> Write for Collected<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.as_bytes().chunks(MOST_BYTES) {
            if self.used + piece.len() > MOST_BYTES {
                self.write_out()?;
            }
            self.bytes[self.used..][..piece.len()].copy_from_slice(piece);
            self.used += piece.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;
    use std::vec::Vec;

    use super::*;

    fn written(message: fmt::Arguments<'_>) -> Vec<Vec<u8>> {
        let mut calls = Vec::new();
        let to = |bytes: &[u8]| {
            calls.push(bytes.to_vec());
            Ok(())
        };
        let mut pieces = Collected { bytes: [0; MOST_BYTES], used: 0, to };
        pieces.write_fmt(message).and_then(|()| pieces.write_out()).unwrap();
        calls
    }

    /// Each piece was a call: lines of a process and its child stood in each other.
    #[test]
    fn a_message_is_written_in_one_call() {
        assert_eq!(
            written(format_args!("midtrace: {}: {} of {:?}\n", 12, "one", [1, 2])),
            [b"midtrace: 12: one of [1, 2]\n"]
        );
    }

    #[test]
    fn nothing_of_a_long_message_is_lost() {
        let long = "0123456789".repeat(300);
        let calls = written(format_args!("{long}, {long}"));
        assert_eq!(String::from_utf8(calls.concat()).unwrap(), std::format!("{long}, {long}"));
        assert!(calls.len() < 8, "{}", calls.len());
    }
}
