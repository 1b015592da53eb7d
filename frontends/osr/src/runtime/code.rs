//! Which addresses are compiled code: asked by signal handlers, without a lock.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use midstride_addr::{CachePc, CacheRange};

/// The present ranges, sorted. Replaced as a whole; old lists are never freed, since a handler may be
/// reading them: a list is as large as there are modules, and there is one for each module made.
static RANGES: AtomicPtr<Vec<CacheRange>> = AtomicPtr::new(std::ptr::null_mut());
static CHANGES: Mutex<()> = Mutex::new(());

fn change(edit: impl FnOnce(&mut Vec<CacheRange>)) {
    let _one_at_a_time = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ranges = current().to_vec();
    edit(&mut ranges);
    RANGES.store(Box::into_raw(Box::new(ranges)), Ordering::Release);
}

/// Adds a range.
pub(crate) fn remember(range: CacheRange) {
    change(|ranges| {
        let at = ranges.partition_point(|known| known.start() < range.start());
        ranges.insert(at, range);
    });
}

/// Takes a range away.
pub(crate) fn forget(range: CacheRange) {
    change(|ranges| ranges.retain(|known| *known != range));
}

fn current() -> &'static [CacheRange] {
    // ORDERING: pairs with the store in `change`.
    let ranges = RANGES.load(Ordering::Acquire);
    // SAFETY: null or a list that is never freed or changed.
    unsafe { ranges.as_ref() }.map_or(&[], Vec::as_slice)
}

/// Whether `pc` is in compiled code.
pub(crate) fn contains(pc: u64) -> bool {
    let pc = CachePc::new(pc);
    let ranges = current();
    let behind = ranges.partition_point(|range| range.start() <= pc);
    behind.checked_sub(1).is_some_and(|at| ranges[at].contains(pc))
}
