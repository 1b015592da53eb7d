//! The host side of `midtrace`: starts a program, puts the rewriting runtime into it and into everything it
//! executes, and reports what ran.
//!
//! **You give** a [`Program`] and [`Options`]; the calling process must have one thread. **You get** an
//! [`Outcome`] (how it ended, how long it took, what had to run natively), and from [`Session::profile`]
//! the blocks that were executed, merged over threads and processes; [`report`] turns them into tables,
//! JSON and drcov files. [`follow`] is for the calling process itself: it follows single threads of it.
//!
//! **It does not protect from** the program: a traced program runs with its user's rights and could write
//! to the memory it shares with the host. The host treats every number it reads there as untrusted, but a
//! program that forges requests can make it attach to other processes of the same user. What cannot be
//! traced (programs that gain privileges, 32-bit programs, processes that somebody traces already) runs
//! natively and is listed in [`Outcome::notes`].
//!
//! ```standalone_crate
//! use midstride_tracer::report::{Filter, drcov};
//! use midstride_tracer::{Ending, Mode, Options, Program, Session};
//!
//! let mut session = Session::new(Options { mode: Mode::Cov, ..Options::default() })?;
//! let program = Program { name: "sh".into(), args: vec!["-c".into(), "exit 7".into()] };
//! let outcome = session.run(&program)?;
//! assert_eq!(outcome.ending, Ending::Exited(7));
//!
//! let mut file = Vec::new();
//! drcov::write(&session.profile(Filter::default())?, &mut file)?;
//! assert!(file.starts_with(b"DRCOV VERSION: 2\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//! ```text
//! midtrace ── fork ──► child: waits ─► execve ─► stops ─► runtime's first instruction ─► program's
//!    │                        ▲                    ▲
//!    └── PTRACE_SEIZE ────────┘                    └── maps image, stack and channel by remote calls; detach
//! ```
//! While the program runs nobody is attached. A runtime whose program calls `execve` posts a request in the
//! shared control block and waits; the host attaches to that thread, lets it go on, and does the same again
//! at the exec stop. The host is the program's parent, like `env` or `timeout`; it has one thread and sleeps
//! on one futex, which requests and its own signal handlers ring.
//!
//! # Unsafe code
//! Only in the private module `sys`, which makes the system calls, and in [`follow`].
#![deny(unsafe_code)]

mod channel;
pub mod follow;
mod host;
mod inject;
mod lookup;
mod options;
pub mod report;
#[allow(unsafe_code, reason = "the one module that makes system calls")]
mod sys;

pub use host::{Ending, Note, Outcome, Session, SessionError};
pub use inject::{ImageError, InjectError};
pub use lookup::StartError;
pub use options::{Children, Mode, Options, Program, Torture};

/// Ends this process the way a program ends that is killed by `signal`, without a core file.
pub fn die_by_signal(signal: i32) -> ! {
    sys::die_by_signal(signal)
}
