//! Raw Linux system calls for code without a C library: pages, threads, signals, traced processes.
//!
//! **You give** arguments with types. **You get** the kernel's answer, errors as [`Errno`]: nothing is
//! cached, retried, buffered or kept in a global, no C library is needed or disturbed (`errno` stays as
//! it is). So it can be used inside a program that has its own ideas about all of these, before its
//! C library is initialised, and in signal handlers. [`LINUX_PAGES`] gives `midstride-slab` its pages.
//!
//! **It does not protect from** being x86-64 Linux only, nor from what system calls do: those that can
//! change memory, handlers or segment bases under running code are `unsafe`. A C library that caches
//! what is changed here (its thread's id after a raw fork, its handlers) is not told.
//!
//! ```
//! use midstride_os::{Errno, file, nr, probe, thread};
//!
//! assert_eq!(thread::getpid() as u32, std::process::id());
//! assert_eq!(file::openat(file::AT_FDCWD, c"/no/such/file", file::O_RDONLY, 0), Err(Errno::ENOENT));
//! assert_eq!(nr::name(257), Some("openat"));
//!
//! // Memory that may not be there can be looked at.
//! let mut byte = [0];
//! assert_eq!(probe::read_own(0x10, &mut byte), Err(Errno::EFAULT));
//! ```
//!
//! # Where unsafe code is
//! Each wrapper is one [`syscall0`] to [`syscall6`] call whose comment says what the kernel reads and
//! writes. Instructions are spelled in `sys` (`syscall`), `signal::rt_sigreturn`, `process` and `probe`.
#![no_std]

#[cfg(test)]
extern crate std;

mod errno;
pub mod file;
pub mod futex;
pub mod maps;
pub mod mem;
pub mod nr;
mod pages;
pub mod probe;
pub mod process;
pub mod ptrace;
pub mod signal;
mod stderr;
mod sys;
pub mod thread;
pub mod time;

pub use errno::Errno;
pub use pages::{LINUX_PAGES, LinuxPages};
pub use stderr::Stderr;
pub use sys::{answer, syscall0, syscall1, syscall2, syscall3, syscall4, syscall5, syscall6};

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
