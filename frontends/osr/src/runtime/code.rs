//! Which addresses are compiled code, and where it can be stopped: asked by signal handlers, without a lock.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use midstride_addr::{CachePc, CacheRange};

use crate::compile::LoopStart;

/// What stepping a thread through a module's code needs to know; offsets in the code.
#[derive(Debug)]
pub(crate) struct Steps {
    /// Ascending.
    loops: Vec<LoopStart>,
    /// Where functions start, ascending.
    functions: Arc<[u32]>,
    /// Instructions that ask for it.
    asks: [u32; 3],
}

impl Steps {
    /// From what the compiler says: loops and starts of functions ascending.
    pub(crate) fn new(loops: Vec<LoopStart>, functions: Arc<[u32]>, asks: [u32; 3]) -> Self {
        Self { loops, functions, asks }
    }

    /// The loop that starts at an offset.
    pub(crate) fn loop_at(&self, offset: u32) -> Option<LoopStart> {
        let at = self.loops.binary_search_by_key(&offset, |known| known.header).ok()?;
        Some(self.loops[at])
    }

    /// Whether a function starts at an offset.
    pub(crate) fn is_function(&self, offset: u32) -> bool {
        self.functions.binary_search(&offset).is_ok()
    }

    /// Whether the instruction at an offset asks for steps from behind it on.
    pub(crate) fn asks_at(&self, offset: u32) -> bool {
        self.asks.contains(&offset)
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.loops)
    }
}

/// A module's code.
#[derive(Clone, Copy, Debug)]
struct Known {
    range: CacheRange,
    /// Lives as long as the range is known; `None` where threads are not stepped.
    steps: Option<&'static Steps>,
}

/// The present ranges, sorted; replaced as a whole.
static RANGES: AtomicPtr<Vec<Known>> = AtomicPtr::new(std::ptr::null_mut());
/// How many are reading a list.
static READERS: AtomicUsize = AtomicUsize::new(0);
/// Lists that somebody may still be reading.
#[expect(clippy::vec_box, reason = "readers have the addresses of the lists")]
static REPLACED: Mutex<Vec<Box<Vec<Known>>>> = Mutex::new(Vec::new());

fn change(edit: impl FnOnce(&mut Vec<Known>)) {
    let mut replaced = REPLACED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ranges = read(<[Known]>::to_vec);
    edit(&mut ranges);
    // ORDERING: SeqCst, as in `read`: who begins to read after this has the new list, and who has begun
    // before is seen here or has finished.
    let old = RANGES.swap(Box::into_raw(Box::new(ranges)), Ordering::SeqCst);
    if !old.is_null() {
        // SAFETY: made by `Box::into_raw` above, and taken out of `RANGES` once.
        replaced.push(unsafe { Box::from_raw(old) });
    }
    if READERS.load(Ordering::SeqCst) == 0 {
        replaced.clear();
    }
}

/// Looks at the present list. Allocates nothing and takes no lock, if `look` does not.
fn read<R>(look: impl FnOnce(&[Known]) -> R) -> R {
    READERS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: null, or a list that is not freed while there are readers, nor changed.
    let ranges = unsafe { RANGES.load(Ordering::SeqCst).as_ref() };
    let answer = look(ranges.map_or(&[], Vec::as_slice));
    READERS.fetch_sub(1, Ordering::SeqCst);
    answer
}

/// Adds a range, and where its code can be stopped.
///
/// # Safety
/// `steps` lives until the range is [forgotten](forget), and no thread is in the range from then on.
pub(crate) unsafe fn remember(range: CacheRange, steps: Option<&Steps>) {
    // SAFETY: the caller's contract; only `at` gives it away, to who is in the range.
    let steps = steps.map(|steps| unsafe { &*std::ptr::from_ref(steps) });
    change(|ranges| {
        let at = ranges.partition_point(|known| known.range.start() < range.start());
        ranges.insert(at, Known { range, steps });
    });
}

/// Takes a range away.
pub(crate) fn forget(range: CacheRange) {
    change(|ranges| ranges.retain(|known| known.range != range));
}

/// A place in compiled code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) range: CacheRange,
    pub(crate) steps: Option<&'a Steps>,
}

impl Place<'_> {
    /// The offset of an address in the same code; of any other, one that is nowhere.
    pub(crate) fn offset(&self, pc: u64) -> u32 {
        u32::try_from(pc.wrapping_sub(self.range.start().get())).unwrap_or(u32::MAX)
    }
}

/// The code that `pc`, where this thread is, is in.
pub(crate) fn at<'a>(pc: u64) -> Option<Place<'a>> {
    let pc = CachePc::new(pc);
    let known = read(|ranges| {
        let behind = ranges.partition_point(|known| known.range.start() <= pc);
        behind.checked_sub(1).map(|at| ranges[at])
    })?;
    known.range.contains(pc).then_some(Place { range: known.range, steps: known.steps })
}
