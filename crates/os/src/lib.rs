//! Raw Linux system calls for code without a C library: pages, threads, signals.
#![no_std]

mod errno;
pub mod file;
pub mod futex;
pub mod maps;
pub mod mem;
pub mod nr;
mod pages;
pub mod probe;
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
