//! Fork: a child must not share code bytes with its parent.
//!
//! Both views of a region's code show one shared object, so a plain `fork` would let either process
//! patch the other's code. Before the fork the parent copies the used bytes into a second object;
//! the child lets its views show that one before it runs an instruction of the cache; the parent
//! drops its handle. Or the child starts with no code at all.
//!
//! What it costs (Zen 5 virtual machine, Linux 6.18): the copy 0.6 ms for each MiB in use, nearly all of
//! it the kernel's for fresh shared pages (2.2 µs each; writing them through a descriptor instead
//! takes 1.3 µs, huge pages are off by default); adopting it, or starting empty, 20 µs.

use crate::layout::Slab;
use crate::memory;
use crate::region::Region;
use crate::source::{Mapping, PageError, PageSource};
use crate::unit::Cursors;

/// The code bytes a forked child will own. After the fork each process has this value: the child
/// calls [`adopt_in_child`](Self::adopt_in_child), the parent
/// [`discard_in_parent`](Self::discard_in_parent), also when the fork failed. (Dropping discards.)
#[must_use = "the child has to adopt it"]
pub struct ForkCopy {
    source: &'static dyn PageSource,
    copy: Mapping,
    code: Mapping,
}

impl Region {
    /// Copies the code in use into a second object. No code may be written or patched between this
    /// call and the fork: the caller holds the locks that guard the region.
    ///
    /// # Errors
    /// As the page source says; nothing was changed.
    pub fn prepare_fork(&self) -> Result<ForkCopy, PageError> {
        let code = self.layout.code;
        let copy = self.source.new_copy(code.bytes)?;
        for index in 0..self.units() {
            for slab in [Slab::Hot, Slab::Cold] {
                self.copy_part(copy, index, slab);
            }
        }
        Ok(ForkCopy { source: self.source, copy, code })
    }

    /// In a forked child, instead of adopting a copy: lets the views show a fresh object and makes every
    /// unit free. Worth it for a child that runs little code before it executes another program.
    ///
    /// # Errors
    /// As the page source says; the region must then not be used any more, the child has to end.
    ///
    /// # Safety
    /// This process is the forked child, none of its threads runs the region's code, and nothing
    /// (tables, records, links in other regions) leads into it any more.
    pub unsafe fn start_empty_in_child(&mut self) -> Result<(), PageError> {
        let code = self.layout.code;
        let fresh = self.source.new_copy(code.bytes)?;
        // SAFETY: equal sizes, the same source; nobody runs or writes the code, says the caller.
        unsafe { self.source.adopt_copy(fresh, code) }?;
        self.cursors.iter_mut().for_each(Cursors::reset);
        Ok(())
    }

    /// Copies the used bytes of one slab of one unit.
    fn copy_part(&self, copy: Mapping, index: usize, slab: Slab) {
        let Some(unit) = self.layout.unit_id(index) else { return };
        let bytes = self.cursors[index].used(slab).next_multiple_of(8);
        let start = self.layout.part(unit, slab).start().get();
        let offset = start - self.layout.code.address;
        let from = self.layout.code.pointer_to(start, bytes);
        let to = copy.pointer_to(copy.address + offset, bytes);
        let (Some(from), Some(to)) = (from, to) else { return };
        // SAFETY: both pointers were checked for `bytes`; slabs start page aligned and aliases are
        // aligned to 8 (`PageSource`); the copy is not known to anybody else, and the region is only
        // written atomically while `&self` lives.
        unsafe { memory::copy_words(from.cast(), to.cast(), (bytes / 8) as usize) };
    }
}

impl ForkCopy {
    /// In the child: lets the region's views show the copy. The addresses stay the same.
    ///
    /// # Errors
    /// As the page source says; the code must then not be run any more, the child has to end.
    ///
    /// # Panics
    /// When `region` is not the one that was copied.
    ///
    /// # Safety
    /// This process is the forked child, none of its threads runs or writes the region's code, and
    /// the region was not written between [`Region::prepare_fork`] and the fork.
    pub unsafe fn adopt_in_child(self, region: &mut Region) -> Result<(), PageError> {
        assert_eq!(self.code, region.layout.code, "a fork copy belongs to one region");
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: both mappings come from this source with equal sizes; the rest is the caller's
        // contract.
        unsafe { this.source.adopt_copy(this.copy, this.code) }
    }

    /// In the parent: forgets the copy.
    pub fn discard_in_parent(self) {
        drop(self);
    }
}

impl Drop for ForkCopy {
    fn drop(&mut self) {
        // SAFETY: it came from this source and goes with its only owner.
        unsafe { self.source.unmap(self.copy) };
    }
}

impl core::fmt::Debug for ForkCopy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ForkCopy").field("copy", &self.copy).field("code", &self.code).finish()
    }
}
