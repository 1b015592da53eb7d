//! Following threads of the calling process: the tracer as a library.
//!
//! **You give** a [`Tool`], a closure or a type of your own that sees each block of code before it runs and may
//! change what is run. **You get** a [`Follower`]: from [`follow_me`](Follower::follow_me) to [`unfollow_me`] the
//! calling thread runs the program's code from a code cache, system calls, exceptions and signal handlers
//! included, with registers, return addresses and signal frames as they would be without it. Other threads run
//! natively beside it, and so do threads and processes that it creates, unless by fork.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use midstride_tracer::follow::{Draft, Follower, is_following_me, unfollow_me};
//!
//! static BLOCKS: AtomicU64 = AtomicU64::new(0);
//!
//! let follower = Follower::new(|_: &mut Draft| {
//!     BLOCKS.fetch_add(1, Ordering::Relaxed);
//! })?;
//! // SAFETY: the tool changes nothing, and no thread unloads code meanwhile.
//! unsafe { follower.follow_me()? };
//! let text = format!("{:?} {}", vec![3, 2, 1], is_following_me());
//! unfollow_me();
//!
//! assert_eq!(text, "[3, 2, 1] true");
//! assert!(!is_following_me() && BLOCKS.load(Ordering::Relaxed) > 10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a tool must not do
//! Its methods run inside the engine, in the middle of whatever the thread was doing, and under the engine's lock: they must
//! not allocate, print, lock what the program locks, panic, or call a [`Follower`]. Atomics are fine. The
//! engine itself never calls the process's allocator: [`is_in_engine`] lets an allocator check that.
//!
//! # What the thread can notice
//! - GS is the engine's: a thread that uses it cannot be followed, `arch_prctl(ARCH_SET_GS)` answers `EPERM`.
//! - Restartable sequences (rseq) are not restarted.
//! - `/proc/self/maps` shows the engine's memory; it is read, through a descriptor that is open for a moment,
//!   when control comes to code of a mapping not seen before.
//! - While any thread is followed, the kernel knows a function of the engine's as handler of the signals that the
//!   process handles, and all signals as blocked in it. In followed threads it delivers the signal in the
//!   program's terms: the context holds the program's registers, changes to it count, `siglongjmp` works.
//!   In the others it calls the program's handler. Followed threads see their own actions; others that ask
//!   sigaction(2) see that function, and may set it again. A handler that another thread installs
//!   meanwhile is called by the kernel itself, in a followed thread with a context that shows the cache.
//! - Code that other threads unmap or change natively: tell the follower before the thread runs it
//!   ([`Follower::invalidate`], [`Follower::forget_unmapped`]).
//!
//! # Children
//! A thread created by a followed one runs natively from its first instruction, and so does a vfork child (of
//! posix_spawn, `Command`) until it execs. A child of fork stays followed, with a copy of the cache. In a
//! child that an unfollowed thread forked, followers made before answer [`FollowError::Forked`] and nothing
//! else.
//!
//! # Memory
//! A follower is never freed: it takes some 56 MiB of address space beside each cluster of code it meets (of which
//! what is used counts), 1 MiB below 2 GiB, and 300 KiB for each thread at a time.
#![allow(unsafe_code, reason = "starts following and reads counters of other threads")]

mod maps;
mod tool;

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use midstride_block::Unobserved;
use midstride_engine::gate::EngineCode;
use midstride_engine::{Engine, Heap, HeapRef, ROOM_AT, Setup, SetupError, ThreadContext};
use midstride_os::LINUX_PAGES;

pub use midstride_addr::{AppPc, AppRange};
pub use midstride_asm::Gpr;
pub use midstride_block::{
    BlockId, Config, Door, Draft, ExecBlock, Exit, Observer, Probe, Stats as CacheStats, Step,
};
pub use midstride_engine::{
    AppState, Caller, FollowError, Following, Leaving, is_following_me, is_in_engine, natively, unfollow_me,
};
pub use midstride_relocate::{DecodeError, Flow, Insn, decode};
pub use tool::Tool;

use tool::Guest;

/// What may be chosen about a follower.
#[derive(Clone, Copy)]
pub struct Options {
    /// About the code cache.
    pub cache: Config,
    /// Hears of blocks built, linked and retired, under the rules for a tool's methods.
    pub observer: &'static dyn Observer,
    /// How many counters each thread has, for [`counter`].
    pub counters: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache: Config::default(), observer: &Unobserved, counters: 0 }
    }
}

/// Why there is no follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NewFollowerError {
    /// The system does not enable XSAVE, by which vector registers are kept.
    NoXsave,
    /// `/proc/self/maps` cannot be read.
    Maps(midstride_os::Errno),
    /// Memory for it could not be set up.
    Setup(SetupError),
}

impl fmt::Display for NewFollowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoXsave => f.write_str("the system does not enable XSAVE"),
            Self::Maps(error) => write!(f, "/proc/self/maps cannot be read: {error}"),
            Self::Setup(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for NewFollowerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Setup(error) => error.source(),
            _ => None,
        }
    }
}

/// What a follower did so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Of its cache.
    pub cache: CacheStats,
    /// How often control came to the engine, by [`Door`].
    pub entries: [u64; Door::ALL.len()],
    /// Signals delivered to followed threads.
    pub signals: u64,
    /// How often a thread went on natively.
    pub left: u64,
    /// How many threads had contexts at a time, those they created included.
    pub threads: u64,
    /// Bytes of memory for its own tables.
    pub heap_bytes: u64,
}

/// Follows threads that ask for it; a handle, copied freely. Each has a code cache of its own, shared by its
/// threads.
pub struct Follower<T: Tool> {
    engine: &'static Engine<Guest<T>>,
    heap: &'static Heap,
}

impl<T: Tool> Clone for Follower<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Tool> Copy for Follower<T> {}

impl<T: Tool> fmt::Debug for Follower<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

/// Adds one to counter number `index` of the thread, each time the block is entered: for
/// [`Draft::set_probe`]. `index` is less than [`Options::counters`].
#[must_use]
pub fn counter(index: u32) -> Probe {
    Probe::Count { offset: (ROOM_AT + index as usize * 8) as i32 }
}

impl<T: Tool> Follower<T> {
    /// A follower with the default [`Options`]. It exists as long as the process.
    ///
    /// # Errors
    /// [`NewFollowerError`].
    pub fn new(tool: T) -> Result<Self, NewFollowerError> {
        Self::with_options(tool, Options::default())
    }

    /// A follower.
    ///
    /// # Errors
    /// [`NewFollowerError`].
    pub fn with_options(tool: T, options: Options) -> Result<Self, NewFollowerError> {
        maps::check().map_err(NewFollowerError::Maps)?;
        let code = EngineCode::of_host().ok_or(NewFollowerError::NoXsave)?;
        let heap: &'static Heap = Box::leak(Box::default());
        heap.reserve(Heap::ROOMY);
        let setup = Setup {
            source: &LINUX_PAGES,
            heap: HeapRef(heap),
            config: options.cache,
            code,
            observer: options.observer,
        };
        let engine = setup.engine(Guest::new(tool, options.counters)).map_err(NewFollowerError::Setup)?;
        Ok(Self { engine: Box::leak(Box::new(engine)), heap })
    }

    /// Follows the calling thread from the return of this function on, until it calls [`unfollow_me`] or the tool
    /// lets it go.
    ///
    /// # Errors
    /// [`FollowError`]; the thread runs as before then.
    ///
    /// # Safety
    /// What the tool changes leaves the program sound: what it drops and replaces, what its callouts do to
    /// registers, and counters it uses ([`counter`]). Its methods call nothing that followed code may be in the
    /// middle of, such as the allocator. No other thread unmaps or changes code that this one
    /// may run without telling the follower first.
    pub unsafe fn follow_me(&self) -> Result<(), FollowError> {
        self.forget_unmapped();
        // SAFETY: the caller's contract. A forked engine says so itself.
        unsafe { self.engine.follow_me() }
    }

    /// The tool.
    #[must_use]
    pub fn tool(&self) -> &'static T {
        &self.engine.policy.tool
    }

    /// What the follower did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let asked = self.ask(|engine| {
            let mut threads = 0;
            engine.for_each_context(|_| threads += 1);
            let heap_bytes = self.heap.mapped_bytes() as u64;
            Stats { cache: engine.stats(), threads, heap_bytes, ..engine.policy.stats() }
        });
        asked.unwrap_or_default()
    }

    /// The sum of a counter over all threads, past ones included; 0 for one that does not exist.
    #[must_use]
    pub fn count(&self, index: u32) -> u64 {
        if index >= self.engine.policy.counters {
            return 0;
        }
        let mut sum = 0;
        self.ask(|engine| engine.for_each_context(|cx| sum += count_of(cx, index)));
        sum
    }

    /// The code in `range` has changed, or the tool wants to see it again: threads that come there run it anew.
    /// Threads inside finish their block.
    pub fn invalidate(&self, range: AppRange) {
        self.ask(|engine| engine.invalidate(range));
    }

    /// Other threads may have unmapped code: forgets what is not mapped any more. Where other code
    /// has taken its place, [`invalidate`](Self::invalidate) is needed. Done by each
    /// [`follow_me`](Self::follow_me), too.
    pub fn forget_unmapped(&self) {
        self.ask(|engine| engine.forget_code_outside(maps::list));
    }

    /// Works on the engine: not in followed code, and not in a process that has a copy of it in who knows what
    /// state.
    fn ask<R>(&self, work: impl FnOnce(&Engine<Guest<T>>) -> R) -> Option<R> {
        natively(|_| (!self.engine.is_forked()).then(|| work(self.engine)))
    }
}

/// One thread's counter.
fn count_of(cx: &ThreadContext, index: u32) -> u64 {
    let at = std::ptr::from_ref(cx).expose_provenance() + ROOM_AT + index as usize * 8;
    // SAFETY: behind each context there is room for all counters, for ever; emitted code adds to the word
    // by aligned instructions.
    unsafe { &*std::ptr::with_exposed_provenance::<AtomicU64>(at) }.load(Ordering::Relaxed)
}
