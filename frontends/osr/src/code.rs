//! The memory of a module's code: written where it will lie, then executed.

use midstride_addr::{AppPc, CacheRange};
use midstride_os::LINUX_PAGES;
use midstride_slab::{AccessError, AllocError, Place, Region, Sizes, Slab, Span, Writable};

use crate::compile::CODE_ALIGNMENT;
use crate::error::ModuleError;
use crate::runtime::code::{self, Steps};
use crate::runtime::pages::Reservation;

/// Code that is being written. What stays untouched of its memory is never there.
#[derive(Debug)]
pub(crate) struct CodeBuffer {
    region: Region,
    span: Span<Writable>,
}

/// Code that can be executed.
#[derive(Debug)]
pub(crate) struct CodeMemory {
    range: CacheRange,
    region: Region,
    /// Where it can be stopped; `None` where threads are not stepped.
    steps: Option<Box<Steps>>,
}

impl CodeBuffer {
    /// Room for so many bytes, or for less when the machine has no more.
    ///
    /// # Errors
    /// [`ModuleError::Memory`].
    pub(crate) fn new(bytes: usize) -> Result<Self, ModuleError> {
        let sizes = Sizes { hot: (bytes as u64).next_multiple_of(4096), cold: 4096, data: 4096 };
        let mut region = reserve(sizes)?;
        let span = match region.unit(0) {
            Some(mut unit) => unit.alloc_hot(unit.left(Slab::Hot), CODE_ALIGNMENT as u64)?,
            None => return Err(AllocError::BadUnitCount { units: 0 }.into()),
        };
        Ok(Self { region, span })
    }

    /// All of it.
    ///
    /// # Errors
    /// [`ModuleError::Access`], which does not happen: the span is the region's.
    pub(crate) fn bytes(&mut self) -> Result<&mut [u8], AccessError> {
        self.region.bytes_mut(&mut self.span)
    }

    /// Bytes there is room for.
    pub(crate) fn room(&self) -> usize {
        self.span.exec().len() as usize
    }

    /// Makes room for at least `bytes`, what is there included.
    ///
    /// # Errors
    /// [`ModuleError::Memory`]; it is as before.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), ModuleError> {
        let mut larger = Self::new(bytes.max(self.room().saturating_mul(2)))?;
        let (wanted, left) = (bytes as u64, larger.room() as u64);
        if let (Some(unit), true) = (larger.region.unit(0), left < wanted) {
            return Err(AllocError::Full { unit: unit.id(), slab: Slab::Hot, wanted, left }.into());
        }
        let code = self.bytes()?;
        larger.bytes()?[..code.len()].copy_from_slice(code);
        *self = larger;
        Ok(())
    }

    /// Ends writing: the first `len` bytes are the code; threads may be stepped through it.
    pub(crate) fn publish(self, len: usize, steps: Option<Box<Steps>>) -> CodeMemory {
        let whole = self.span.publish().exec();
        let range = CacheRange::new(whole.start(), whole.start().add(len as u64));
        // SAFETY: `CodeMemory` keeps both, and forgets the range when nobody has the module any more.
        unsafe { code::remember(range, steps.as_deref()) };
        CodeMemory { range, region: self.region, steps }
    }
}

impl CodeMemory {
    /// Where it lies.
    pub(crate) fn range(&self) -> CacheRange {
        self.range
    }

    /// Bytes of what is known about where it can be stopped.
    pub(crate) fn table_bytes(&self) -> usize {
        self.steps.as_ref().map_or(0, |steps| steps.bytes())
    }

    /// Copies code out, from an offset on.
    pub(crate) fn read(&self, offset: u32, bytes: &mut [u8]) -> Option<()> {
        self.region.read(self.range.start().add(offset.into()), bytes).ok()
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        code::forget(self.range);
    }
}

// SAFETY: the region is only read from now on; its page source is one for all threads.
unsafe impl Send for CodeMemory {}
// SAFETY: as above: nobody has it mutably.
unsafe impl Sync for CodeMemory {}

/// How often to try: another thread may be faster.
const TRIES: u32 = 100;

/// A region where the kernel has room: nothing has to be near it, and there can be many.
fn reserve(sizes: Sizes) -> Result<Region, ModuleError> {
    let try_once = || {
        let full = |_| AllocError::NoPlace { start: 0, end: u64::MAX, bytes: sizes.total() };
        let free = Reservation::new(sizes.total() as usize).map_err(full)?.base();
        // What is tried first lies right below.
        let place = Place::near_pc(AppPc::new(free + sizes.total()));
        Ok(Region::reserve(&LINUX_PAGES, &place, sizes, 1)?)
    };
    let taken = |tried: &Result<_, _>| matches!(tried, Err(ModuleError::Memory(AllocError::NoPlace { .. })));
    (1..TRIES).map(|_| try_once()).find(|tried| !taken(tried)).unwrap_or_else(try_once)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stays_the_same_when_its_buffer_grows() {
        let mut buffer = CodeBuffer::new(100).unwrap();
        let room = buffer.room();
        buffer.bytes().unwrap()[..3].copy_from_slice(&[1, 2, 3]);
        buffer.grow(3 * room).unwrap();
        assert!(buffer.room() >= 3 * room);
        let memory = buffer.publish(3, None);
        let mut read = [0; 3];
        memory.read(0, &mut read).unwrap();
        assert_eq!((read, memory.range().len()), ([1, 2, 3], 3));
    }
}
