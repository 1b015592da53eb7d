//! A reservation of address space with its pages.

use midstride_addr::{CachePc, CacheRange};

use crate::error::{AccessError, AllocError};
use crate::layout::{Layout, MAX_UNITS, Shape, Sizes, Slab, UnitId};
use crate::memory;
use crate::place::Place;
use crate::source::{Mapping, PageError, PageSource};
use crate::span::{Span, Writable};
use crate::unit::{Cursors, Unit};

/// Hot code, cold code and data in one piece of address space, divided into equal units. Dropping it
/// gives the pages back.
pub struct Region {
    pub(crate) source: &'static dyn PageSource,
    pub(crate) layout: Layout,
    pub(crate) cursors: [Cursors; MAX_UNITS as usize],
}

impl Region {
    /// Reserves a region at the first free candidate of `place`, with each slab divided into `units`
    /// (1 to [`MAX_UNITS`]) of whole pages.
    ///
    /// When the sizes are more than a region can have, the address space is crowded or the page source refuses (a
    /// resource limit), all three
    /// sizes are halved and the search starts again, down to [`Sizes::MINIMUM_HOT`];
    /// [`sizes`](Self::sizes) tells what was got.
    ///
    /// # Errors
    /// [`AllocError::BadUnitCount`], [`AllocError::TooBig`]; [`AllocError::NoPlace`] and
    /// [`AllocError::Pages`] when not even the smallest region could be had.
    pub fn reserve(
        source: &'static dyn PageSource,
        place: &Place<'_>,
        sizes: Sizes,
        units: u32,
    ) -> Result<Self, AllocError> {
        let mut sizes = sizes;
        loop {
            let mapped = Shape::new(sizes, units).and_then(|shape| map_somewhere(source, place, shape));
            let error = match mapped {
                Ok(layout) => {
                    return Ok(Self { source, layout, cursors: [Cursors::default(); MAX_UNITS as usize] });
                }
                Err(error) => error,
            };
            sizes = sizes.halved().ok_or(error)?;
        }
    }

    /// Every address of the region.
    #[must_use]
    pub fn range(&self) -> CacheRange {
        self.layout.range()
    }

    /// The addresses of one kind, all units.
    #[must_use]
    pub fn slab_range(&self, slab: Slab) -> CacheRange {
        self.layout.slab(slab)
    }

    /// What it has of each kind: what was asked for, rounded to pages, or less.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.layout.shape.sizes()
    }

    /// How many units it has.
    #[must_use]
    pub fn units(&self) -> usize {
        self.layout.shape.units as usize
    }

    /// Bytes allocated of a kind, all units, padding included.
    #[must_use]
    pub fn used(&self, slab: Slab) -> u64 {
        self.cursors[..self.units()].iter().map(|cursors| cursors.used(slab)).sum()
    }

    /// The unit at `index`, to allocate from; `None` from [`units`](Self::units) on.
    pub fn unit(&mut self, index: usize) -> Option<Unit<'_>> {
        let id = self.layout.unit_id(index)?;
        Some(Unit { id, layout: &self.layout, cursors: &mut self.cursors[index] })
    }

    /// Which unit and kind an address belongs to. Takes constant time.
    #[must_use]
    pub fn locate(&self, at: CachePc) -> Option<(UnitId, Slab)> {
        self.layout.locate(at)
    }

    /// Copies `bytes` to the start of `span`, through the writable alias.
    ///
    /// # Errors
    /// [`AccessError::TooLong`]; [`AccessError::Stale`] when the unit was reset since;
    /// [`AccessError::Outside`] when the span is another region's.
    pub fn write(&mut self, span: &mut Span<Writable>, bytes: &[u8]) -> Result<(), AccessError> {
        let (at, room) = (span.exec().start(), span.exec().len());
        let len = bytes.len() as u64;
        if len > room {
            return Err(AccessError::TooLong { at, bytes: len, room });
        }
        if len == 0 {
            return Ok(());
        }
        self.start_of(span, len)?.copy_from_slice(bytes);
        Ok(())
    }

    /// The bytes of `span` in the writable alias, to be written in place.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn bytes_mut<'a>(&'a mut self, span: &'a mut Span<Writable>) -> Result<&'a mut [u8], AccessError> {
        self.start_of(span, span.exec().len())
    }

    /// The first `len` bytes of a span that has as many.
    fn start_of<'a>(&'a mut self, span: &'a Span<Writable>, len: u64) -> Result<&'a mut [u8], AccessError> {
        let at = span.exec().start();
        let outside = AccessError::Outside { at, bytes: len };
        let (unit, _) = self.locate(at).ok_or(outside)?;
        if self.cursors[unit.get()].generation != span.generation() {
            return Err(AccessError::Stale { at });
        }
        let pointer = self.layout.pointer_to(at, len).ok_or(outside)?;
        // SAFETY: `pointer_to` checked that the bytes lie in this region, mapped (and zero at first) while it
        // lives; the unpublished span, of which the callers have the only borrow, and `&mut self` exclude
        // everybody else.
        Ok(unsafe { core::slice::from_raw_parts_mut(pointer, len as usize) })
    }

    /// Copies the bytes from `at` on (code or data) into `bytes`, through the alias.
    ///
    /// # Errors
    /// [`AccessError::Outside`].
    pub fn read(&self, at: CachePc, bytes: &mut [u8]) -> Result<(), AccessError> {
        let len = bytes.len() as u64;
        let pointer = self.layout.pointer_to(at, len).ok_or(AccessError::Outside { at, bytes: len })?;
        // SAFETY: inside the region by `pointer_to`; writers are atomic or excluded by `&mut self`.
        unsafe { memory::read(pointer, bytes) };
        Ok(())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: both mappings came from this source and go with their only owner.
        unsafe { self.source.unmap(self.layout.code) };
        // SAFETY: as above.
        unsafe { self.source.unmap(self.layout.data) };
    }
}

impl core::fmt::Debug for Region {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Region").field("range", &self.range()).field("units", &self.units()).finish()
    }
}

/// Maps a region of this shape at the first candidate that is free.
fn map_somewhere(
    source: &'static dyn PageSource,
    place: &Place<'_>,
    shape: Shape,
) -> Result<Layout, AllocError> {
    let bytes = shape.sizes().total();
    for address in place.candidates(bytes) {
        match source.reserve_at(address, bytes) {
            Ok(()) => return Ok(map_reserved(source, address, shape)?),
            Err(PageError::Taken { .. }) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    let window = place.window();
    Err(AllocError::NoPlace { start: window.start(), end: window.end(), bytes })
}

/// Puts code and data over the reserved range; gives everything back when one of them fails.
fn map_reserved(source: &'static dyn PageSource, address: u64, shape: Shape) -> Result<Layout, PageError> {
    let sizes = shape.sizes();
    let reserved = Mapping::plain(address, sizes.total());
    let data_at = address + sizes.code();
    // SAFETY: `map_somewhere` reserved the whole range just now.
    let code = match unsafe { source.map_code(address, sizes.code()) } {
        Ok(code) => code,
        Err(error) => {
            // SAFETY: still only reserved, and nobody was told.
            unsafe { source.unmap(reserved) };
            return Err(error);
        }
    };
    // SAFETY: the part of the reservation behind the code is still only reserved.
    let data = unsafe { source.map_data(data_at, sizes.data) }.inspect_err(|_| {
        // SAFETY: the code mapping and the rest of the reservation are ours and unused.
        unsafe { source.unmap(code) };
        // SAFETY: as above.
        unsafe { source.unmap(Mapping::plain(data_at, sizes.data)) };
    })?;
    Ok(Layout { shape, code, data })
}
