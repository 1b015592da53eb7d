//! All contexts of threads that were ever followed, of all engines: asked without a lock.

use core::sync::atomic::{AtomicPtr, Ordering};

use crate::context::{ThreadContext, usage};
use crate::setup::stacks_of;

/// The context registered last; each names the one before it.
static NEWEST: AtomicPtr<ThreadContext> = AtomicPtr::new(core::ptr::null_mut());

/// Adds a context nobody uses yet. It must never be unmapped.
pub(crate) fn register(context: *mut ThreadContext) {
    // ORDERING: release, so that whoever finds the context finds it filled in.
    let _ = NEWEST.fetch_update(Ordering::Release, Ordering::Acquire, |newest| {
        // SAFETY: not registered yet, so this thread is the only one that has it.
        unsafe { (*context).registered_before = newest.expose_provenance() as u64 };
        Some(context)
    });
}

fn all() -> impl Iterator<Item = &'static ThreadContext> {
    // SAFETY: registered contexts are never unmapped; of those that others write, only atomics are
    // read through these references, and fields that are set before registration.
    let context = |at: *const ThreadContext| unsafe { at.as_ref() };
    let first = context(NEWEST.load(Ordering::Acquire));
    core::iter::successors(first, move |cx| {
        context(core::ptr::with_exposed_provenance(cx.registered_before as usize))
    })
}

/// The context at `address`, when a followed thread has it.
pub(crate) fn find(address: u64) -> Option<&'static ThreadContext> {
    let at = |cx: &&ThreadContext| core::ptr::from_ref(*cx).expose_provenance() as u64 == address;
    all().find(at).filter(|cx| cx.in_use.load(Ordering::Acquire) == usage::RUNNING)
}

/// Whether an engine's code has its frames at `address`.
pub(crate) fn is_engine_stack(address: u64) -> bool {
    all().any(|cx| stacks_of(cx).contains(&address))
}
