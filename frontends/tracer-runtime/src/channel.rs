//! The channel as mapped here.
//!
//! There is no descriptor of it. `mremap` with an old size of 0 makes a second mapping of a shared
//! object, as long as one likes, from the page of the first one on: so from the control block, which
//! the host mapped, every slot can be reached; what lies before it is unmapped again at once.

use core::sync::atomic::{AtomicU32, Ordering};

use midstride_os::mem::{Advice, RemapFlags, madvise, mremap, munmap};
use midstride_os::{Errno, thread};
use midstride_tracer_abi as abi;
use midstride_tracer_abi::{Bootstrap, Control, SlotHeader, life};

/// The control block, and this process's slot.
pub(crate) struct Channel {
    control: &'static Control,
    /// Where the slot is mapped.
    base: u64,
    /// How much of it.
    bytes: u64,
}

/// No slot: further processes and threads leave no report.
pub(crate) const NO_SLOT: u32 = u32::MAX;

impl Channel {
    /// Maps the slot the host chose.
    pub(crate) fn open(boot: &Bootstrap) -> Self {
        let control = core::ptr::with_exposed_provenance::<Control>(boot.control as usize);
        // SAFETY: the host mapped the control block there, shared, for the life of this image.
        let control = unsafe { &*control };
        let bytes = match boot.mode {
            abi::MODE_RUN => abi::MODULES_AT,
            _ => abi::COUNTERS_AT,
        };
        let base = map_slot(control, boot.slot, 0, bytes);
        Self { control, base: base.unwrap_or(0), bytes }
    }

    /// The control block.
    pub(crate) fn control(&self) -> &'static Control {
        self.control
    }

    /// How much of the slot is mapped.
    pub(crate) fn mapped_bytes(&self) -> u64 {
        self.bytes
    }

    /// The slot's header, when there is a slot.
    pub(crate) fn header(&self) -> Option<&'static SlotHeader> {
        let header = core::ptr::with_exposed_provenance::<SlotHeader>(self.base as usize);
        // SAFETY: when the base is not 0 a slot is mapped there for the life of this image; its
        // fields are atomics.
        (self.base != 0).then(|| unsafe { &*header })
    }

    /// The address of the `bytes` at `offset` of the slot, when they are mapped.
    pub(crate) fn at(&self, offset: u64, bytes: u64) -> Option<u64> {
        (self.base != 0 && offset + bytes <= self.bytes).then_some(self.base + offset)
    }

    /// A slot nobody has.
    pub(crate) fn new_slot(&self) -> u32 {
        let slot = self.control.next_slot.fetch_add(1, Ordering::Relaxed);
        if slot < abi::SLOTS { slot } else { NO_SLOT }
    }

    /// In a forked child: another slot, at the address of the parent's.
    pub(crate) fn move_to(&self, slot: u32) -> Result<(), Errno> {
        if self.base == 0 || slot == NO_SLOT {
            return Err(Errno::ENOMEM);
        }
        map_over(self.control, slot, 0, self.bytes, self.base)
    }

    /// Maps the counters of `slot` over the `bytes` at `address`.
    pub(crate) fn map_counters(&self, slot: u32, address: u64, bytes: u64) -> Result<(), Errno> {
        map_over(self.control, slot, abi::COUNTERS_AT, bytes, address)
    }

    /// Maps a slot's header for a moment and fills it in.
    pub(crate) fn with_header(&self, slot: u32, work: impl FnOnce(&SlotHeader)) {
        let Some(address) = map_slot(self.control, slot, 0, abi::MODULES_AT) else { return };
        let header = core::ptr::with_exposed_provenance::<SlotHeader>(address as usize);
        // SAFETY: just mapped, with the size of a header at least.
        work(unsafe { &*header });
        // SAFETY: mapped above; the reference is gone.
        let _ = unsafe { munmap(address, abi::MODULES_AT) };
    }
}

/// Maps `bytes` of `slot` from `offset` on, anywhere.
fn map_slot(control: &Control, slot: u32, offset: u64, bytes: u64) -> Option<u64> {
    let skipped = abi::slot_offset(slot) + offset;
    let control = core::ptr::from_ref(control).expose_provenance() as u64;
    // SAFETY: makes a new mapping of the shared object at an address the kernel chooses.
    let start = unsafe { mremap(control, 0, skipped + bytes, RemapFlags::MAYMOVE, 0) }.ok()?;
    // SAFETY: the front of what was just mapped, which nobody uses.
    unsafe { munmap(start, skipped) }.ok()?;
    // SAFETY: the rest of it; only core dumps change.
    let _ = unsafe { madvise(start + skipped, bytes, Advice::DontDump) };
    Some(start + skipped)
}

/// The same, over what is mapped at `address`.
fn map_over(control: &Control, slot: u32, offset: u64, bytes: u64, address: u64) -> Result<(), Errno> {
    let from = map_slot(control, slot, offset, bytes).ok_or(Errno::ENOMEM)?;
    let flags = RemapFlags::from_bits(RemapFlags::MAYMOVE.bits() | RemapFlags::FIXED.bits());
    // SAFETY: moves our own mapping over another one of ours.
    unsafe { mremap(from, bytes, bytes, flags, address) }.map(drop)
}

/// Fills in the header of a slot that is about to be used.
pub(crate) fn introduce(header: &SlotHeader, owner: u32, parent: u32) {
    header.pid.store(thread::getpid() as u32, Ordering::Relaxed);
    header.tid.store(thread::gettid() as u32, Ordering::Relaxed);
    header.owner.store(owner, Ordering::Relaxed);
    header.parent.store(parent, Ordering::Relaxed);
    let now = midstride_os::time::clock_gettime(midstride_os::time::Clock::Monotonic);
    header.started_ns.store(now.map_or(0, |now| now.as_nanos()), Ordering::Relaxed);
    // ORDERING: release, so that the host sees the fields once it sees life.
    header.life.store(life::LIVE, Ordering::Release);
}

/// One more of something the header counts; `None` when there is no room.
pub(crate) fn claim(count: &AtomicU32, limit: u32) -> Option<u32> {
    let index = count.load(Ordering::Relaxed);
    (index < limit).then_some(index)
}
