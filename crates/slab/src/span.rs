//! Pieces of a unit.

use core::marker::PhantomData;

use midstride_addr::CacheRange;

/// State of a [`Span`]: nobody runs it, its bytes may be written.
#[derive(Debug)]
pub enum Writable {}
/// State of a [`Span`]: threads may run it; only [`Region::patch_word`](crate::Region::patch_word)
/// changes it.
#[derive(Debug)]
pub enum Executable {}

/// Code space taken from a unit. It is a plain description (it frees nothing when dropped); a
/// [`Writable`] one is the permission to fill it and cannot be copied.
#[derive(Debug)]
#[must_use = "the space stays taken"]
pub struct Span<State> {
    exec: CacheRange,
    alias: u64,
    generation: u32,
    state: PhantomData<fn() -> State>,
}

impl Span<Writable> {
    pub(crate) fn new(exec: CacheRange, alias: u64, generation: u32) -> Self {
        Self { exec, alias, generation, state: PhantomData }
    }

    /// Declares the span written: from now on it can be made reachable and run.
    ///
    /// On x86 nothing has to be flushed. Stores of one processor become visible in order, so whoever
    /// sees the link or table entry that is stored after this call also sees these bytes; and no
    /// processor holds older ones, because the space was never executed, or its unit was reset after
    /// every thread had left it and instruction caches follow stores (Intel SDM volume 3, "Handling
    /// Self- and Cross-Modifying Code" and "Self-Modifying Code").
    pub fn publish(self) -> Span<Executable> {
        Span { exec: self.exec, alias: self.alias, generation: self.generation, state: PhantomData }
    }
}

impl<State> Span<State> {
    /// Where it is executed.
    #[must_use]
    pub fn exec(&self) -> CacheRange {
        self.exec
    }

    /// Where its first byte is written. Use [`Region::write`](crate::Region::write).
    #[must_use]
    pub fn alias(&self) -> u64 {
        self.alias
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }
}

/// Data space taken from a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataSpan {
    range: CacheRange,
    alias: u64,
}

impl DataSpan {
    pub(crate) fn new(range: CacheRange, alias: u64) -> Self {
        Self { range, alias }
    }

    /// The addresses as generated code uses them.
    #[must_use]
    pub fn range(&self) -> CacheRange {
        self.range
    }

    /// Where this program reads and writes the first byte; valid for the range's length while the
    /// region lives and the unit is not reset.
    #[must_use]
    pub fn pointer(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.alias as usize)
    }
}
