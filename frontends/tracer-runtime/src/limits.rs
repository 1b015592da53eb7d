//! Limits that programs set, remembered for whoever inherits them.

use core::sync::atomic::{AtomicU64, Ordering};

use midstride_engine::{Limited, Limits};
use midstride_tracer_abi::{Control, LIMITS, LimitRecord};

/// Remembers that `told` was made of `own`.
pub(crate) fn remember(control: &Control, of: Limited, told: Limits, own: Limits) {
    if told == own || recall(control, of, told) == Some(own) {
        return;
    }
    let index = control.limits_written.fetch_add(1, Ordering::Relaxed) as usize % LIMITS;
    let record = &control.limits[index];
    record.what.store(0, Ordering::Release);
    store(&record.told, told);
    store(&record.own, own);
    // ORDERING: release, so that whoever sees it sees what is above.
    record.what.store(of.number() + 1, Ordering::Release);
}

/// What `told` was made of, the last time.
pub(crate) fn recall(control: &Control, of: Limited, told: Limits) -> Option<Limits> {
    let written = control.limits_written.load(Ordering::Relaxed) as usize;
    let newest_first = (written.saturating_sub(LIMITS)..written).rev();
    newest_first.map(|index| &control.limits[index % LIMITS]).find_map(|record| own(record, of, told))
}

fn own(record: &LimitRecord, of: Limited, told: Limits) -> Option<Limits> {
    // ORDERING: acquire, pairs with the release above.
    let is_it = record.what.load(Ordering::Acquire) == of.number() + 1 && load(&record.told) == told;
    is_it.then(|| load(&record.own))
}

fn store(to: &[AtomicU64; 2], limits: Limits) {
    to[0].store(limits.soft, Ordering::Relaxed);
    to[1].store(limits.hard, Ordering::Relaxed);
}

fn load(from: &[AtomicU64; 2]) -> Limits {
    Limits { soft: from[0].load(Ordering::Relaxed), hard: from[1].load(Ordering::Relaxed) }
}
