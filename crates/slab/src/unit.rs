//! Units: the pieces of a region that are filled, evicted and filled again.

use midstride_addr::{CachePc, CacheRange};

use crate::error::AllocError;
use crate::layout::{Layout, Slab, UnitId};
use crate::source::PAGE_BYTES;
use crate::span::{DataSpan, Span, Writable};

/// How much of a unit is in use.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Cursors {
    /// Bytes in use of hot, cold, data.
    used: [u32; 3],
    /// Counts resets, so that a span from before one is recognised.
    pub(crate) generation: u32,
}

impl Cursors {
    pub(crate) fn used(&self, slab: Slab) -> u64 {
        u64::from(self.used[slab as usize])
    }

    /// Nothing in use, a new generation.
    pub(crate) fn reset(&mut self) {
        *self = Self { generation: self.generation.wrapping_add(1), ..Self::default() };
    }

    fn set_used(&mut self, slab: Slab, bytes: u64) {
        // A region has at most 1 GiB, so the count fits.
        self.used[slab as usize] = bytes as u32;
    }
}

/// One unit of a [`Region`](crate::Region), borrowed to allocate from: three bump cursors, all of
/// which grow upwards.
#[derive(Debug)]
pub struct Unit<'r> {
    pub(crate) id: UnitId,
    pub(crate) layout: &'r Layout,
    pub(crate) cursors: &'r mut Cursors,
}

impl Unit<'_> {
    /// Its place in the region.
    #[must_use]
    pub fn id(&self) -> UnitId {
        self.id
    }

    /// The addresses of one of its slabs.
    #[must_use]
    pub fn range(&self, slab: Slab) -> CacheRange {
        self.layout.part(self.id, slab)
    }

    /// Bytes allocated of a slab, padding included.
    #[must_use]
    pub fn used(&self, slab: Slab) -> u64 {
        self.cursors.used(slab)
    }

    /// Bytes free in a slab, before alignment.
    #[must_use]
    pub fn left(&self, slab: Slab) -> u64 {
        self.range(slab).len() - self.used(slab)
    }

    /// Where the next allocation with this alignment will lie. Code can be written for that address
    /// before its size is known, and then be allocated.
    ///
    /// # Errors
    /// [`AllocError::BadAlignment`]; [`AllocError::Full`] when not one byte fits.
    pub fn next(&self, slab: Slab, align: u64) -> Result<CachePc, AllocError> {
        self.fit(slab, 1, align).map(CacheRange::start)
    }

    /// Takes `bytes` of hot code space.
    ///
    /// # Errors
    /// [`AllocError::Full`], [`AllocError::BadAlignment`]; the unit is as before.
    pub fn alloc_hot(&mut self, bytes: u64, align: u64) -> Result<Span<Writable>, AllocError> {
        self.alloc_code(Slab::Hot, bytes, align)
    }

    /// Takes `bytes` of cold code space.
    ///
    /// # Errors
    /// As for [`alloc_hot`](Self::alloc_hot).
    pub fn alloc_cold(&mut self, bytes: u64, align: u64) -> Result<Span<Writable>, AllocError> {
        self.alloc_code(Slab::Cold, bytes, align)
    }

    /// Takes `bytes` of data.
    ///
    /// # Errors
    /// As for [`alloc_hot`](Self::alloc_hot).
    pub fn alloc_data(&mut self, bytes: u64, align: u64) -> Result<DataSpan, AllocError> {
        let range = self.take(Slab::Data, bytes, align)?;
        Ok(DataSpan::new(range, self.alias(Slab::Data, range)))
    }

    /// Makes the whole unit free again. Its bytes stay until they are overwritten; spans from before
    /// are refused by [`Region::write`](crate::Region::write).
    ///
    /// # Safety
    /// The caller knows that no code, table or record leads into the unit any more, and that every
    /// thread has passed a quiescent point since that became true, so that none is inside.
    pub unsafe fn reset(&mut self) {
        self.cursors.reset();
    }

    /// Takes the hot bytes from `from` to the end of what is allocated back, to be allocated anew.
    ///
    /// # Safety
    /// As for [`reset`](Self::reset), for these bytes: no thread is in them, and whatever led to them is
    /// redirected before another thread runs.
    pub unsafe fn retract_hot(&mut self, from: CachePc) {
        let start = self.range(Slab::Hot).start().get();
        let used = from.get().saturating_sub(start);
        debug_assert!(used <= self.used(Slab::Hot), "only what is allocated is taken back");
        self.cursors.set_used(Slab::Hot, used.min(self.used(Slab::Hot)));
    }

    fn alloc_code(&mut self, slab: Slab, bytes: u64, align: u64) -> Result<Span<Writable>, AllocError> {
        let range = self.take(slab, bytes, align)?;
        Ok(Span::new(range, self.alias(slab, range), self.cursors.generation))
    }

    fn take(&mut self, slab: Slab, bytes: u64, align: u64) -> Result<CacheRange, AllocError> {
        let range = self.fit(slab, bytes, align)?;
        self.cursors.set_used(slab, range.end().get() - self.range(slab).start().get());
        Ok(range)
    }

    /// The next free range of `bytes`, without taking it.
    fn fit(&self, slab: Slab, bytes: u64, align: u64) -> Result<CacheRange, AllocError> {
        if !align.is_power_of_two() || align > PAGE_BYTES {
            return Err(AllocError::BadAlignment { align });
        }
        let part = self.range(slab);
        let start = part.start().add(self.used(slab)).get().next_multiple_of(align);
        let left = part.end().get().saturating_sub(start);
        if bytes > left {
            return Err(AllocError::Full { unit: self.id, slab, wanted: bytes, left });
        }
        Ok(CacheRange::new(CachePc::new(start), CachePc::new(start + bytes)))
    }

    fn alias(&self, slab: Slab, range: CacheRange) -> u64 {
        let mapping = self.layout.mapping(slab);
        mapping.alias + (range.start().get() - mapping.address)
    }
}
