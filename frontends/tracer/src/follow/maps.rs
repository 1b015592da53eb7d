//! What of this process may be executed. Runs inside the engine: raw system calls, no allocation.

use midstride_addr::{AppPc, AppRange};
use midstride_engine::{CodeMap, Writes};
use midstride_os::Errno;
use midstride_os::maps::{MapEntry, Sharing, for_each_mapping};
use midstride_os::mem::Prot;

/// Holds any line.
const BUFFER_BYTES: usize = 8 << 10;

/// Whether the mappings can be read.
pub(super) fn check() -> Result<(), Errno> {
    for_each_mapping(&mut [0; BUFFER_BYTES], |_| ())
}

/// Enters all executable mappings.
pub(super) fn list(code: &mut CodeMap) {
    for_each_executable(|range, writes| code.insert(range, writes));
}

/// Enters the executable mappings around `pc` that touch each other.
pub(super) fn learn(code: &mut CodeMap, pc: AppPc) {
    let mut run = AppRange::new(AppPc::new(0), AppPc::new(0));
    for_each_executable(|range, _| {
        if run.contains(pc) && run.end() != range.start() {
            return;
        }
        let start = if run.end() == range.start() { run.start() } else { range.start() };
        run = AppRange::new(start, range.end());
    });
    if !run.contains(pc) {
        return;
    }
    for_each_executable(|range, writes| {
        if range.overlaps(run) && !code.touches(range) {
            code.insert(range, writes);
        }
    });
}

/// Visits executable mappings, ascending. When they cannot be read, none is.
fn for_each_executable(mut visit: impl FnMut(AppRange, Writes)) {
    let _ = for_each_mapping(&mut [0; BUFFER_BYTES], |entry| {
        // The kernel's page for old system calls lies in its own half; the engine carries them out.
        if entry.prot.contains(Prot::EXEC) && entry.end <= i64::MAX as u64 {
            visit(AppRange::new(AppPc::new(entry.start), AppPc::new(entry.end)), writes(&entry));
        }
    });
}

fn writes(entry: &MapEntry<'_>) -> Writes {
    match entry.sharing {
        Sharing::Shared => Writes::Elsewhere,
        Sharing::Private if entry.prot.contains(Prot::WRITE) => Writes::Here,
        Sharing::Private => Writes::No,
    }
}
