//! What a thread needs while it runs programs: handlers, an alternate stack, a signal mask.

use core::marker::PhantomData;

use midstride_os::mem::{self, Backing, MapFlags, Prot};
use midstride_os::signal::{
    MaskHow, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SS_AUTODISARM, SS_DISABLE, SigSet,
    SignalStack, rt_sigprocmask, sigaltstack,
};
use midstride_slab::PAGE_BYTES;

use super::frame::FrameRef;
use super::handler::{CALL_SIGNAL, Installed};
use super::registry::{self, Registration};
use crate::error::StartError;

/// Bytes of the alternate stack: room for the largest state any processor saves, and a handler.
const STACK_BYTES: u64 = 128 << 10;

/// Memory with a page at either end that cannot be touched.
#[derive(Debug)]
pub(crate) struct Guarded {
    address: u64,
    bytes: u64,
}

impl Guarded {
    pub(crate) fn new(bytes: u64) -> Result<Self, StartError> {
        let failed = |errno| StartError::System { call: "mmap", errno };
        let bytes = bytes.max(1).next_multiple_of(PAGE_BYTES);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses a free place.
        let address = unsafe { mem::mmap(0, bytes + 2 * PAGE_BYTES, Prot::NONE, flags, Backing::Anonymous) }
            .map_err(failed)?;
        let guarded = Self { address, bytes };
        // SAFETY: mapped just now and used by nobody.
        unsafe { mem::mprotect(guarded.start(), bytes, Prot::READ | Prot::WRITE) }.map_err(failed)?;
        Ok(guarded)
    }

    pub(crate) fn start(&self) -> u64 {
        self.address + PAGE_BYTES
    }

    pub(crate) fn end(&self) -> u64 {
        self.start() + self.bytes
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the owner is done with it. It can only fail for want of a mapping record; it stays then.
        let _ = unsafe { mem::munmap(self.address, self.bytes + 2 * PAGE_BYTES) };
    }
}

/// The calling thread, made ready to run programs. Not to be moved to another thread.
pub(crate) struct Seat {
    /// The signals that were blocked, while others are.
    mask: Option<SigSet>,
    stack: SignalStack,
    _own_stack: Guarded,
    _registration: Registration,
    _handlers: Installed,
    /// Neither Send nor Sync.
    thread: PhantomData<*mut ()>,
}

/// Signals that are let through while programs run. Everything else would run handlers that rely on the
/// thread's own FS.
const OPEN: SigSet = SigSet::EMPTY
    .with(SIGSEGV)
    .with(SIGBUS)
    .with(SIGFPE)
    .with(SIGILL)
    .with(SIGTRAP)
    .with(SIGSYS)
    .with(SIGABRT)
    .with(CALL_SIGNAL);

impl Seat {
    pub(crate) fn take(frame: FrameRef) -> Result<Self, StartError> {
        let handlers = Installed::new()?;
        let own_stack = Guarded::new(STACK_BYTES)?;
        let full = StartError::TooManyThreads { limit: registry::LIMIT };
        let registration = Registration::new(own_stack.start(), frame).ok_or(full)?;
        // Disarmed while a handler runs: the kernel then starts each handler at the stack's end, even when
        // the program's rsp happens to point into it.
        let (sp, size) = (own_stack.start(), own_stack.end() - own_stack.start());
        let altstack = SignalStack { sp, flags: SS_AUTODISARM, pad: 0, size };
        // SAFETY: the memory is ours until the seat is left.
        let stack = unsafe { sigaltstack(Some(&altstack)) }
            .map_err(|errno| StartError::System { call: "sigaltstack", errno })?;
        let thread = PhantomData;
        Ok(Self {
            mask: None,
            stack,
            _own_stack: own_stack,
            _registration: registration,
            _handlers: handlers,
            thread,
        })
    }

    /// Blocks signals that programs must not be disturbed by.
    pub(crate) fn sit(&mut self) {
        let mask = rt_sigprocmask(MaskHow::Set, Some(SigSet::ALL.minus(OPEN)));
        // It cannot fail with these arguments.
        self.mask = self.mask.or(mask.ok());
    }

    /// Blocks what was blocked before.
    pub(crate) fn rise(&mut self) {
        if let Some(mask) = self.mask.take() {
            let _ = rt_sigprocmask(MaskHow::Set, Some(mask));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // A call that is still on its way is delivered by one of these system calls at the latest, while the
        // handler is there.
        let flags = self.stack.flags & (SS_DISABLE | SS_AUTODISARM);
        let before = SignalStack { flags, ..self.stack };
        // SAFETY: this is the stack that the thread had before.
        let _ = unsafe { sigaltstack(Some(&before)) };
        self.rise();
    }
}
