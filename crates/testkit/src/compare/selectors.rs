//! The selectors of segments.
#![allow(unsafe_code, reason = "reads and loads segment registers")]

use core::arch::asm;

/// The selectors that a program can load.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Selectors {
    ds: u16,
    es: u16,
    fs: u16,
    gs: u16,
    ss: u16,
}

impl Selectors {
    /// Those of this thread.
    pub(crate) fn now() -> Self {
        let (ds, es, fs, gs, ss);
        // SAFETY: reads five registers.
        unsafe {
            asm!(
                "mov {:x}, ds", "mov {:x}, es", "mov {:x}, fs", "mov {:x}, gs", "mov {:x}, ss",
                out(reg) ds, out(reg) es, out(reg) fs, out(reg) gs, out(reg) ss,
                options(nomem, nostack, preserves_flags),
            );
        }
        Self { ds, es, fs, gs, ss }
    }

    /// Loads them into this thread's registers, where they were before. That of GS stays: it is null.
    pub(crate) fn load(self) {
        let fs = Self::now().fs;
        // SAFETY: in 64-bit mode the segments of these registers start at 0 and have no end.
        unsafe {
            asm!(
                "mov ds, {:x}", "mov es, {:x}", "mov ss, {:x}",
                in(reg) self.ds, in(reg) self.es, in(reg) self.ss,
                options(nostack, preserves_flags),
            );
        }
        if fs != self.fs {
            // SAFETY: a selector is loaded together with a base; that of the thread comes back at once. Cases
            // load it only where the instructions for the base can be used (`Machine::has_bases`).
            unsafe {
                asm!(
                    "rdfsbase {base}", "mov fs, {fs:x}", "wrfsbase {base}",
                    base = out(reg) _, fs = in(reg) self.fs,
                    options(nostack, preserves_flags),
                );
            }
        }
    }
}
