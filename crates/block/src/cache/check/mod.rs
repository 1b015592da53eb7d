//! A proof that the cache's tables agree with each other and with the code that was written.
//!
//! Four claims, each in a place of its own:
//!
//! 1. *graph*: each linked exit's branch leads to the body of a live block and stands in that block's list of what
//!    leads to it, exactly once; every other exit's branch leads to its own stub. Retired blocks are led to by
//!    nothing and lead nowhere.
//! 2. *lists*: the index and the lists of the pages hold every live block and nothing else.
//! 3. *landings*: each table entry leads to the gate by way of landings of live blocks that its index belongs to, and
//!    every listed landing is found so.
//! 4. *places*: what lies in a unit lies there in order, without overlap, and has its records.

mod broken;
mod graph;
mod landings;
mod lists;
mod places;

use allocator_api2::alloc::Allocator;

pub use broken::Broken;

use super::CodeCache;

impl<A: Allocator + Clone> CodeCache<A> {
    /// Proves the cache's invariants, for tests: it looks at every block, exit, page and table entry.
    ///
    /// ```
    /// # use midstride_block::CodeCache;
    /// fn tidy<A: allocator_api2::alloc::Allocator + Clone>(cache: &CodeCache<A>) -> bool {
    ///     cache.check().is_ok()
    /// }
    /// ```
    ///
    /// # Errors
    /// The first invariant found [`Broken`]: a mistake of this crate's.
    pub fn check(&self) -> Result<(), Broken> {
        self.check_graph()?;
        self.check_lists()?;
        self.check_landings()?;
        self.check_places()
    }
}

/// `Ok` when `holds`.
fn require(holds: bool, broken: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken) }
}
