//! Requests from the runtimes to the host.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// How many requests may be under way at once.
pub const REQUESTS: usize = 256;

/// How many limits are remembered.
pub const LIMITS: usize = 128;

/// The head of the channel.
#[repr(C, align(64))]
pub struct Control {
    /// [`crate::MAGIC`].
    pub magic: AtomicU64,
    /// [`crate::VERSION`].
    pub version: AtomicU32,
    /// The host's process id in its own namespace.
    pub host_pid: AtomicU32,
    /// Next slot never handed out; whoever wants a slot takes one by `fetch_add`.
    pub next_slot: AtomicU32,
    /// Futex word: rises by one with each posted request; the host sleeps on it.
    pub doorbell: AtomicU32,
    /// Not 0 once the host serves no more requests (its own program ended; it may be gone): processes that
    /// outlive it execute new programs natively. A runtime looks here before it posts a request, and again
    /// whenever it has waited long for an answer (a host killed by SIGKILL never sets it; then `host_pid`
    /// does not exist any more).
    pub closing: AtomicU32,
    /// Not 0 when the kernel would withhold, from a program that the host traces, privileges its file gives.
    pub withholds: AtomicU32,
    /// Limits that programs set, and what was made of them; the newest in place of the oldest.
    pub limits: [LimitRecord; LIMITS],
    /// How many of them were written, ever.
    pub limits_written: AtomicU32,
    /// Requests.
    pub requests: [Request; REQUESTS],
}

/// A limit that a program set. Whoever inherits the limit, over forks and execs, finds its own value here by
/// what the kernel has.
#[repr(C)]
pub struct LimitRecord {
    /// The kernel's number of it plus 1; 0 while nothing is written here.
    pub what: AtomicU64,
    /// What the kernel was told: soft, hard.
    pub told: [AtomicU64; 2],
    /// What the program said.
    pub own: [AtomicU64; 2],
}

/// One request; its `state` word says who owns the other fields.
#[repr(C, align(64))]
pub struct Request {
    /// Futex word, one of [`state`].
    pub state: AtomicU32,
    /// One of [`kind`].
    pub kind: AtomicU32,
    /// Requesting process, as it is numbered in its own pid namespace.
    pub pid: AtomicU32,
    /// Requesting thread, likewise.
    pub tid: AtomicU32,
    /// The requester's slot.
    pub slot: AtomicU32,
    /// Where in the requester's memory there is a word that only the requester has.
    pub proof_at: AtomicU64,
    /// The word.
    pub proof: AtomicU64,
}

/// Values of [`Request::state`]. `FREE → CLAIMED → POSTED` is done by the runtime, `→ TAKEN → READY |
/// REFUSED` by the host; after a failed exec the runtime sets `CANCELLED` and waits for `FREE`.
pub mod state {
    /// Nobody's.
    pub const FREE: u32 = 0;
    /// A runtime is filling it in.
    pub const CLAIMED: u32 = 1;
    /// The host's turn.
    pub const POSTED: u32 = 2;
    /// A host thread works on it.
    pub const TAKEN: u32 = 3;
    /// The host is attached: go on with the exec.
    pub const READY: u32 = 4;
    /// The host could not attach (already traced, no permission): go on natively. The runtime sets `FREE`.
    pub const REFUSED: u32 = 5;
    /// The exec failed: detach, then set `FREE`.
    pub const CANCELLED: u32 = 6;
}

/// Values of [`Request::kind`].
pub mod kind {
    /// The thread is about to call execve.
    pub const EXEC: u32 = 1;
    /// The same, natively, for a file that gives privileges: the host only says so, and refuses.
    pub const PRIVILEGED: u32 = 2;
}
