//! An instance's context: the memory behind r15.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::layout::VmHeader;
use super::signals;
use super::thread::Home;
use crate::engine::Polls;

/// Interrupts an instance from any thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<Context>);

impl InterruptHandle {
    /// Makes the instance's code trap with [`TrapKind::Interrupted`](crate::TrapKind::Interrupted) at the
    /// next function entry or loop, in the middle of an operator on much memory, or as soon as it runs. A
    /// signal handler may call it.
    pub fn interrupt(&self) {
        self.0.wish(INTERRUPT);
    }
}

/// Freezes an instance from any thread.
#[derive(Clone, Debug)]
pub struct FreezeHandle(Arc<Context>);

impl FreezeHandle {
    /// Makes the instance's code stop at the next function entry or loop, in the middle of an operator on much
    /// memory, in a host call that can be interrupted, or as soon as it runs. While a host function that it called calls back, it goes on
    /// until that returns; so does code of another instance that it has called, or that has called it.
    pub fn freeze(&self) {
        self.0.wish(FREEZE);
        let wakers = self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.iter().for_each(|Waker(wake)| wake());
    }

    /// Freezes at the `number`th function entry, loop iteration, or place between two pieces of an operator on
    /// much memory (256 KiB of a memory) from now, 1 being the next. All of them are slow until then.
    pub fn freeze_at_poll(&self, number: u64) {
        self.0.countdown().store(number, Ordering::Release);
        self.0.ask();
    }

    /// Has `wake` called whenever somebody asks to freeze, to make a blocked host call return.
    pub fn on_freeze(&self, wake: impl Fn() + Send + Sync + 'static) {
        let mut wakers = self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.push(Waker(Box::new(wake)));
    }
}

/// What makes a blocked host call return.
struct Waker(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// Bits of the wish: to end with a trap, to be frozen.
pub(crate) const INTERRUPT: u64 = 1;
/// As [`INTERRUPT`].
pub(crate) const FREEZE: u64 = 2;

/// The memory of a context.
#[derive(Debug)]
pub(crate) struct Context {
    memory: NonNull<VmHeader>,
    bytes: usize,
    wakers: Mutex<Vec<Waker>>,
    /// The instance's thread, if it has to be told that somebody wants its code to stop.
    home: Option<Home>,
}

// SAFETY: other threads reach only the atomic fields: everything else needs the raw pointer, and says
// so.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Zeroed memory of `bytes`, at least a header, for code of this thread.
    pub(crate) fn new(bytes: usize, polls: Polls) -> Arc<Self> {
        let layout = Self::layout(bytes.max(size_of::<VmHeader>()));
        // SAFETY: the size is not 0.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory.cast()) else { handle_alloc_error(layout) };
        let bytes = layout.size();
        signals::unblock();
        let home = (polls == Polls::Stepped).then(Home::here);
        Arc::new(Self { memory, bytes, wakers: Mutex::default(), home })
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, align_of::<VmHeader>()).unwrap_or(Layout::new::<VmHeader>())
    }

    /// Its address, as compiled code has it in r15.
    pub(crate) fn address(&self) -> u64 {
        self.memory.as_ptr().expose_provenance() as u64
    }

    /// The header, to be read and written through the pointer: compiled code does so too.
    pub(crate) fn header(&self) -> *mut VmHeader {
        self.memory.as_ptr()
    }

    /// A pointer to a cell at an offset that the layout gave.
    pub(crate) fn cell<T>(&self, offset: i32) -> *mut T {
        debug_assert!(offset as usize + size_of::<T>() <= self.bytes);
        // SAFETY: offsets of the layout lie inside the allocation, which was made for it.
        unsafe { self.memory.as_ptr().byte_add(offset as usize) }.cast()
    }

    /// The limit that compiled code compares its stack pointer with.
    pub(crate) fn limit(&self) -> &AtomicU64 {
        // SAFETY: zeroed memory is an atomic, and it is only accessed as one (by compiled code with
        // plain loads, which are the same instruction).
        unsafe { &(*self.memory.as_ptr()).limit }
    }

    fn wanted(&self) -> &AtomicU64 {
        // SAFETY: as for `limit`.
        unsafe { &(*self.memory.as_ptr()).interrupt }
    }

    fn countdown(&self) -> &AtomicU64 {
        // SAFETY: as for `limit`.
        unsafe { &(*self.memory.as_ptr()).countdown }
    }

    /// Whether the code is to look at its wishes.
    pub(crate) fn is_asked(&self) -> bool {
        // ORDERING: Acquire: who sees the limit sees the wish.
        self.limit().load(Ordering::Acquire) == u64::MAX
    }

    fn is_inside(&self) -> bool {
        // SAFETY: as for `limit`; compiled code writes it with plain stores.
        unsafe { &(*self.memory.as_ptr()).inside }.load(Ordering::Relaxed) != 0
    }

    /// Asks the code to stop at its next poll.
    pub(crate) fn wish(&self, wish: u64) {
        // ORDERING: Release, with the Acquire in `take_wishes`: who sees the limit sees the wish.
        self.wanted().fetch_or(wish, Ordering::Release);
        self.ask();
    }

    /// Makes the next poll ask the runtime.
    fn ask(&self) {
        self.limit().store(u64::MAX, Ordering::Release);
        // Code that this thread has left looks at the limit when it is come back to.
        let needed = |home: &&Home| !home.is_here() || self.is_inside();
        self.home.iter().filter(needed).for_each(Home::signal);
    }

    /// A wish for later: polls do not ask before [`remind`](Self::remind). Until then code runs at its full
    /// speed, which it does not when it is stepped from one poll to the next.
    pub(crate) fn put_off(&self, wish: u64) {
        self.wanted().fetch_or(wish, Ordering::Release);
    }

    /// Makes the next poll ask, of code that is not running, if something is wanted that was put off.
    pub(crate) fn remind(&self) {
        if self.wanted().load(Ordering::Acquire) != 0 {
            self.limit().store(u64::MAX, Ordering::Release);
        }
    }

    /// What somebody asked for; puts the limit back to `limit`. To be called once at each poll.
    pub(crate) fn take_wishes(&self, limit: u64) -> u64 {
        // ORDERING: the limit first: a wish that comes between the two is taken now, and its limit stays
        // for an empty poll.
        self.limit().store(limit, Ordering::Release);
        let wishes = self.wanted().swap(0, Ordering::AcqRel);
        match self.countdown().load(Ordering::Acquire) {
            0 => wishes,
            1 => {
                self.countdown().store(0, Ordering::Release);
                wishes | FREEZE
            }
            more => {
                self.countdown().store(more - 1, Ordering::Release);
                self.limit().store(u64::MAX, Ordering::Release);
                wishes
            }
        }
    }

    /// Nobody asks for it any more: it has happened.
    pub(crate) fn forget(&self, wish: u64) {
        self.wanted().fetch_and(!wish, Ordering::AcqRel);
    }

    pub(crate) fn freeze_handle(self: &Arc<Self>) -> FreezeHandle {
        FreezeHandle(self.clone())
    }

    pub(crate) fn handle(self: &Arc<Self>) -> InterruptHandle {
        InterruptHandle(self.clone())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout.
        unsafe { dealloc(self.memory.as_ptr().cast(), Self::layout(self.bytes)) };
    }
}
