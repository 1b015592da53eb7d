//! What an engine leaves to whoever uses it.

use midstride_addr::{AppPc, AppRange};
use midstride_block::{BuildError, Draft, ExecBlock, Stats};

use crate::code_map::CodeMap;
use crate::context::{AppState, ThreadContext};
use crate::syscall::{Limited, Limits};

/// An executable mapping that the program made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewCode {
    /// Its addresses.
    pub range: AppRange,
    /// The descriptor it was made from, -1 for none.
    pub fd: i32,
    /// Where in the file it starts.
    pub offset: u64,
}

/// What to do about an exec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exec {
    /// Make the call; nobody follows, or whoever follows is ready. The number is given back to
    /// [`Policy::exec_failed`].
    Go {
        /// The policy's own.
        ticket: u32,
    },
}

/// How a new thread or process starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Birth {
    /// Shares memory and everything else: a thread.
    Thread,
    /// Shares memory until it execs or exits; its parent waits (vfork), or does not.
    Borrower,
    /// Has a copy of the memory.
    Fork,
}

/// Why a block was left before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CutShort {
    /// The tag its transform gave it.
    pub tag: u32,
    /// Instructions of it that completed.
    pub insns: u32,
    /// Program bytes of them.
    pub bytes: u64,
    /// Whether the block's probe had run.
    pub probed: bool,
    /// Whether this was the first time the block ran, as far as can be told.
    pub first_run: bool,
}

/// Whose threads and signals the engine's are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// A whole process from its first instruction on: all threads, all children, all signals.
    Process,
    /// Single threads of the engine's own process, from [`Engine::follow_me`](crate::Engine::follow_me) to
    /// [`unfollow_me`](crate::unfollow_me). The others, and threads they create, run natively.
    Threads,
}

/// The engine's user. Methods are called under the engine's lock, if they do not say otherwise.
pub trait Policy: Sync + 'static {
    /// Whose threads and signals the engine's are.
    const DOMAIN: Domain = Domain::Process;

    /// Looks at a block about to be built; the answer becomes its tag.
    fn transform(&self, draft: &mut Draft) -> u32 {
        let _ = draft;
        0
    }

    /// A block was built and is about to be entered.
    fn built(&self, block: &ExecBlock) {
        let _ = block;
    }

    /// A block was left by a fault or a signal.
    fn cut_short(&self, cx: &ThreadContext, cut: CutShort) {
        let _ = (cx, cut);
    }

    /// The program mapped code.
    fn mapped(&self, code: NewCode) {
        let _ = code;
    }

    /// Nothing in `range` is code any more.
    fn unmapped(&self, range: AppRange) {
        let _ = range;
    }

    /// Bytes a thread's context needs beyond [`ThreadContext`] itself, addressed from it by probes.
    fn context_room(&self) -> usize {
        0
    }

    /// A thread (or the one thread of a new process) is about to run its first instruction, on
    /// itself.
    fn born(&self, cx: &mut ThreadContext, birth: Birth) {
        let _ = (cx, birth);
    }

    /// The program is about to create a process or thread.
    fn before_birth(&self, cx: &mut ThreadContext, birth: Birth) {
        let _ = (cx, birth);
    }

    /// A thread is about to end; `whole_process` with all others.
    fn exiting(&self, cx: &ThreadContext, whole_process: Ending) {
        let _ = (cx, whole_process);
    }

    /// What the cache has done so far: told with each block that is built, and when the process is about to end
    /// or to exec. Under the lock.
    fn statistics(&self, stats: &Stats) {
        let _ = stats;
    }

    /// A signal is delivered to the program.
    fn delivered(&self, cx: &ThreadContext, signal: i32) {
        let _ = (cx, signal);
    }

    /// Control came through a door. Under the engine's lock.
    fn entered(&self, cx: &ThreadContext, door: midstride_block::Door) {
        let _ = (cx, door);
    }

    /// A callout placed by the transform was reached; registers may be changed.
    fn callout(&self, id: u32, state: &mut AppState) -> Following {
        let _ = (id, state);
        Following::Continue
    }

    /// Bytes of memory that the policy has mapped beside the engine's.
    fn mapped_bytes(&self) -> u64 {
        0
    }

    /// The program sets `own` limits, of which the engine made those the kernel is `told`. Limits are inherited
    /// over forks and execs, and this is what [`Self::own_limits`] is to know there ([`Domain::Process`]).
    fn remember_limits(&self, of: Limited, told: Limits, own: Limits) {
        let _ = (of, told, own);
    }

    /// What the program set, where the kernel has been told these; `None` when they came from elsewhere.
    fn own_limits(&self, of: Limited, told: Limits) -> Option<Limits> {
        let _ = (of, told);
        None
    }

    /// The program is about to exec. Called without the lock: may wait.
    fn before_exec(&self, cx: &ThreadContext) -> Exec {
        let _ = cx;
        Exec::Go { ticket: 0 }
    }

    /// The exec failed. Called without the lock.
    fn exec_failed(&self, cx: &ThreadContext, ticket: u32) {
        let _ = (cx, ticket);
    }

    /// No code is known at `pc`, where control is about to go. Other threads may have mapped it natively
    /// ([`Domain::Threads`]): if so, `code` is to be brought up to date.
    fn unknown_code(&self, code: &mut CodeMap, pc: AppPc) {
        let _ = (code, pc);
    }

    /// Whether a followed thread stays so at `pc` ([`Domain::Threads`]). Asked when control comes there by way of
    /// the gate: always, as long as the answer is no.
    fn leaves_at(&self, pc: AppPc) -> Following {
        let _ = pc;
        Following::Continue
    }

    /// A followed thread goes on natively from `pc` ([`Domain::Threads`]). Called without the lock.
    fn left(&self, pc: AppPc, why: Leaving) {
        let _ = (pc, why);
    }
}

/// What ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The thread.
    Thread,
    /// All threads.
    Process,
}

/// Whether a thread stays under the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Following {
    /// It does.
    Continue,
    /// It goes on natively from here.
    End,
}

/// Why a thread is not followed any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaving {
    /// It asked for it, or the policy did.
    Asked,
    /// The code there cannot be rewritten.
    NoBlock(BuildError),
    /// It is about to use the GS segment, which is the engine's.
    Segment,
}
