//! Runs a command natively and under `midtrace` and compares everything that can be observed.
//!
//! **You give** a command (or a program source in `programs/` with its directives), **you get** a verdict
//! for each mode (`run`, `cov`, `count`, and each with a tiny cache), with a readable difference.
//! **It does not protect from** a command that differs from run to run: such a test declares what it
//! filters, and the mode `native` shows whether the declaration suffices.
//!
//! ```
//! use midstride_tests::compare::text_difference;
//! assert_eq!(text_difference("stdout", b"a\nb\n", b"a\nb\n"), None);
//! let shown = text_difference("stdout", b"a\nb\n", b"a\nc\n").unwrap();
//! assert!(shown.contains("-b") && shown.contains("+c"));
//! ```
//!
//! Sources: ptrace(2), proc(5), prctl(2), wait(2).

pub mod compare;
pub mod compile;
pub mod decode;
pub mod drcov;
pub mod elf;
pub mod hang;
pub mod job;
pub mod midtrace;
pub mod mode;
pub mod needs;
pub mod proc;
pub mod program;
pub mod report;
pub mod snapshot;
pub mod step;
pub mod trial;
