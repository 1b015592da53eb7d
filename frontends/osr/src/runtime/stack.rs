//! The stack that an instance's code runs on.

use midstride_os::Errno;

use super::pages::Reservation;

/// Below the limit there is always room for a frame and for a signal handler.
const SLACK: usize = 1 << 20;
/// Inaccessible, below that.
const GUARD: usize = 64 << 10;

/// A guarded stack.
#[derive(Debug)]
pub(crate) struct Stack {
    pages: Reservation,
    bytes: usize,
}

impl Stack {
    /// A stack of `bytes`, with room below its limit, and a guard below that.
    pub(crate) fn new(bytes: usize) -> Result<Self, Errno> {
        let bytes = bytes.next_multiple_of(super::pages::PAGE);
        let pages = Reservation::new(GUARD + SLACK + bytes)?;
        pages.commit(GUARD, SLACK + bytes)?;
        Ok(Self { pages, bytes })
    }

    /// Where it begins: its highest address, a multiple of 16.
    pub(crate) fn top(&self) -> u64 {
        self.pages.base() + (GUARD + SLACK + self.bytes) as u64
    }

    /// Stack pointers at or below call the runtime.
    pub(crate) fn limit(&self) -> u64 {
        self.pages.base() + (GUARD + SLACK) as u64
    }
}
