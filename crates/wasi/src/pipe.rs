//! Streams in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes in memory as a stream: what is written comes to the end, what is read goes from the front.
///
/// Reading an empty one gives the end of the file. Clones are the same pipe.
///
/// ```
/// use midstride_wasi::MemoryPipe;
///
/// let pipe = MemoryPipe::with_bytes(b"typed in advance");
/// assert_eq!(pipe.contents(), b"typed in advance");
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryPipe(Arc<Mutex<VecDeque<u8>>>);

impl MemoryPipe {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One with bytes to read.
    #[must_use]
    pub fn with_bytes(bytes: &[u8]) -> Self {
        let pipe = Self::new();
        pipe.write(bytes);
        pipe
    }

    /// What was written and not read; it stays.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        self.bytes().iter().copied().collect()
    }

    /// How many bytes [`contents`](Self::contents) has.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Appends bytes.
    pub fn write(&self, bytes: &[u8]) {
        self.bytes().extend(bytes);
    }

    /// Takes bytes from the front; how many there were.
    pub(crate) fn read(&self, into: &mut [u8]) -> usize {
        let mut bytes = self.bytes();
        let count = into.len().min(bytes.len());
        into.iter_mut().zip(bytes.drain(..count)).for_each(|(to, from)| *to = from);
        count
    }

    fn bytes(&self) -> MutexGuard<'_, VecDeque<u8>> {
        // Bytes are whole at all times.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_once_in_order() {
        let pipe = MemoryPipe::with_bytes(b"abc");
        pipe.clone().write(b"d");
        let mut two = [0; 2];
        assert_eq!((pipe.read(&mut two), &two), (2, b"ab"));
        assert_eq!(pipe.contents(), b"cd");
        assert_eq!((pipe.read(&mut [0; 9]), pipe.read(&mut two)), (2, 0));
    }
}
