//! What the thread, its gate, its handlers and other threads share: one structure in the memory next to the
//! code, which the code addresses relative to rip.

use core::mem::offset_of;
use core::ptr::{NonNull, addr_of_mut};
use core::sync::atomic::{AtomicU32, Ordering};

use midstride_frame::{GprFrame, Register};
use midstride_slab::DataSpan;

/// Why a run through the gate ended; also what an exit point stores, from [`FIRST_EXIT`] on.
pub(crate) mod reason {
    /// A translated instruction went to its next one.
    pub(crate) const NEXT: u32 = 0;
    /// A translated branch was taken.
    pub(crate) const TAKEN: u32 = 1;
    /// A translated branch went to the address in the second slot.
    pub(crate) const INDIRECT: u32 = 2;
    /// Somebody called.
    pub(crate) const CALLED: u32 = 3;
    /// A signal; it is in the frame.
    pub(crate) const SIGNAL: u32 = 4;
    /// The first exit point of the program.
    pub(crate) const FIRST_EXIT: u32 = 16;
}

/// The structure. The area for vector and x87 registers lies behind it, aligned to 64.
#[repr(C, align(64))]
pub(crate) struct Frame {
    /// The program's general registers, while it does not run. rip is where it was interrupted.
    pub(crate) gpr: GprFrame,
    /// Where entering goes.
    pub(crate) target: u64,
    /// Why it was left.
    pub(crate) reason: u32,
    /// 1 while the program's registers are in the processor.
    pub(crate) inside: u32,
    /// What of the program is in the processor while it is inside: a [`Need`](super::gate::Need) as a number.
    pub(crate) loaded: u32,
    /// Not zero when somebody wants something of this thread.
    pub(crate) called: AtomicU32,
    /// Two slots for copied instructions.
    pub(crate) slots: [u64; 2],
    /// The program's bases of FS and GS, while it does not run.
    pub(crate) fs_base: u64,
    pub(crate) gs_base: u64,
    pub(crate) host: Host,
    pub(crate) signal: Signal,
    pub(crate) gate: GatePlaces,
}

/// What the thread has of its own.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Host {
    pub(crate) rsp: u64,
    pub(crate) fs_base: u64,
    pub(crate) gs_base: u64,
    pub(crate) mxcsr: u32,
    pub(crate) fcw: u32,
    /// Selectors, for `iretq`.
    pub(crate) cs: u64,
    pub(crate) ss: u64,
}

/// The signal that ended a run.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Signal {
    pub(crate) number: i32,
    pub(crate) code: i32,
    pub(crate) address: u64,
}

/// What handlers have to know about the gate.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct GatePlaces {
    /// All of its code.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The part of entering natively in which a call turns it back.
    pub(crate) turn_start: u64,
    pub(crate) turn_end: u64,
    /// Where a handler sends the thread to leave the program, by what of it is loaded.
    pub(crate) landings: [u64; 3],
    /// Bytes of the area behind the frame.
    pub(crate) area_bytes: u64,
    /// 1 when the bases of FS and GS are changed by instructions.
    pub(crate) base_instructions: u64,
}

const _: () = assert!(size_of::<Frame>().is_multiple_of(64));

/// The frame of one thread. All accesses go through here; which of them race is said at each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRef {
    frame: NonNull<Frame>,
    /// Its address as code sees it.
    address: u64,
}

// SAFETY: a `FrameRef` is an address. Only `called` is used by several threads, atomically; everything else
// by the thread that runs the program, and by handlers in that thread.
unsafe impl Send for FrameRef {}
// SAFETY: as above.
unsafe impl Sync for FrameRef {}

impl FrameRef {
    /// The frame at the start of a span that is large enough, aligned to 64, zero and nobody else's. It may be
    /// used while the span's region lives.
    pub(crate) fn new(span: &DataSpan) -> Option<Self> {
        let frame = NonNull::new(span.pointer().cast::<Frame>())?;
        Some(Self { frame, address: span.range().start().get() })
    }

    /// From an address that handlers keep.
    pub(crate) fn from_pointer(pointer: *mut Frame) -> Option<Self> {
        let frame = NonNull::new(pointer)?;
        Some(Self { frame, address: frame.as_ptr().expose_provenance() as u64 })
    }

    pub(crate) fn as_ptr(self) -> *mut Frame {
        self.frame.as_ptr()
    }

    /// Where code has the field at this offset.
    pub(crate) fn at(self, offset: usize) -> u64 {
        self.address + offset as u64
    }

    /// Where code has the area.
    pub(crate) fn area(self) -> u64 {
        self.at(size_of::<Frame>())
    }

    /// Where code has the slots.
    pub(crate) fn slots(self) -> u64 {
        self.at(offset_of!(Frame, slots))
    }

    /// Where code has a general register.
    pub(crate) fn gpr(self, register: Register) -> u64 {
        let offset = GprFrame::offset(register).unwrap_or_default();
        self.at(offset_of!(Frame, gpr) + usize::from(offset))
    }

    /// The flag by which other threads call this one.
    pub(crate) fn called(&self) -> &AtomicU32 {
        // SAFETY: the span outlives all users of the frame (`new`); the field is only used atomically.
        unsafe { &*addr_of_mut!((*self.as_ptr()).called) }
    }

    /// Whether somebody calls.
    pub(crate) fn is_called(&self) -> bool {
        self.called().load(Ordering::Acquire) != 0
    }

    /// The thread's own view of the frame. Not to be held across the gate, whose code changes the frame too.
    pub(crate) fn get(&mut self) -> &mut Frame {
        // SAFETY: the span outlives all users of the frame; only the owning thread has a `&mut FrameRef`, and
        // handlers touch the frame only while the program runs, which is inside of a call to the gate.
        unsafe { &mut *self.as_ptr() }
    }

    /// The thread's own view of the frame and of the area for vector and x87 registers, as
    /// [`get`](Self::get).
    pub(crate) fn parts(&mut self) -> (&mut Frame, &mut [u8]) {
        let bytes = self.get().gate.area_bytes as usize;
        let behind = self.as_ptr().wrapping_add(1).cast();
        // SAFETY: the span has this many bytes behind the frame, initialised as memory of a mapping is, and
        // under the same condition as `get`.
        let area = unsafe { core::slice::from_raw_parts_mut(behind, bytes) };
        (self.get(), area)
    }
}
