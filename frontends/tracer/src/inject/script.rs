//! Several system calls for the price of one stop: code that the process runs on its own.
//!
//! It lies on a page of its own, ends at the first call that fails, and then raises SIGTRAP for the host.

use midstride_addr::CachePc;
use midstride_asm::{Alu, Cond, EmitError, Gpr, Label, Width, Writer};

/// In which registers the kernel takes a call's arguments.
const ARGS: [Gpr; 6] = [Gpr::Rdi, Gpr::Rsi, Gpr::Rdx, Gpr::R10, Gpr::R8, Gpr::R9];
/// The descriptor that is open, and below 0 when none is.
const OPENED: Gpr = Gpr::Rbx;
/// How many calls have succeeded.
const STEP: Gpr = Gpr::R12;
/// The answer to keep.
const KEPT: Gpr = Gpr::R13;
/// The lowest of the kernel's answers that are errors.
const LOWEST_ERROR: i32 = -4095;

/// An argument of a call.
#[derive(Clone, Copy)]
pub(super) enum Arg {
    Is(u64),
    /// The descriptor that was opened last.
    Opened,
}

/// What becomes of a call's answer.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Dropped,
    /// It is a descriptor, to be closed by a later call.
    Opened,
    /// The descriptor is closed now.
    Closed,
    /// It is what the script is for.
    Kept,
}

/// A script being written.
pub(super) struct Script<'b> {
    w: Writer<'b>,
    end: Label,
    calls: u32,
}

/// A script that is written: where it stops, and how many calls it makes.
pub(super) struct Finished {
    pub(super) stops_at: u64,
    pub(super) calls: u32,
}

/// How a script ended, as its registers tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ended {
    /// How many calls succeeded.
    pub(super) calls: u64,
    /// What the call to keep answered; 0 before it.
    pub(super) kept: u64,
    /// A descriptor left open.
    pub(super) open: Option<u64>,
}

impl<'b> Script<'b> {
    /// A script in `buffer`, to be run at `at`.
    pub(super) fn new(buffer: &'b mut [u8], at: u64) -> Self {
        let mut w = Writer::new(buffer, CachePc::new(at));
        w.mov_ri(OPENED, u64::MAX);
        w.mov_ri(KEPT, 0);
        let end = w.new_label();
        Self { w, end, calls: 0 }
    }

    /// Adds a system call.
    pub(super) fn call(&mut self, number: i64, args: [Arg; 6], answer: Answer) {
        let w = &mut self.w;
        w.mov_ri(STEP, self.calls.into());
        for (register, arg) in ARGS.into_iter().zip(args) {
            match arg {
                Arg::Is(value) => w.mov_ri(register, value),
                Arg::Opened => w.mov_rr(Width::W64, register, OPENED),
            }
        }
        w.mov_ri(Gpr::Rax, number as u64);
        w.syscall();
        w.alu_ri(Width::W64, Alu::Cmp, Gpr::Rax, LOWEST_ERROR);
        w.jcc(Cond::Ae, self.end);
        match answer {
            Answer::Dropped => {}
            Answer::Opened => w.mov_rr(Width::W64, OPENED, Gpr::Rax),
            Answer::Closed => w.mov_ri(OPENED, u64::MAX),
            Answer::Kept => w.mov_rr(Width::W64, KEPT, Gpr::Rax),
        }
        self.calls += 1;
    }

    /// Ends the script: the process sends itself SIGTRAP. It has one thread, whose id is the process's.
    ///
    /// # Errors
    /// When the buffer is too small.
    pub(super) fn finish(mut self) -> Result<Finished, EmitError> {
        let w = &mut self.w;
        w.mov_ri(STEP, self.calls.into());
        w.bind(self.end);
        w.mov_ri(Gpr::Rax, libc::SYS_getpid as u64);
        w.syscall();
        w.mov_rr(Width::W64, Gpr::Rdi, Gpr::Rax);
        w.mov_rr(Width::W64, Gpr::Rsi, Gpr::Rax);
        w.mov_ri(Gpr::Rdx, libc::SIGTRAP as u64);
        w.mov_ri(Gpr::Rax, libc::SYS_tgkill as u64);
        w.syscall();
        let stops_at = w.pc().get();
        w.ud2();
        self.w.complete()?;
        Ok(Finished { stops_at, calls: self.calls })
    }
}

impl Ended {
    pub(super) fn of(regs: &crate::sys::Regs) -> Self {
        let open = (regs.rbx.cast_signed() >= 0).then_some(regs.rbx);
        Self { calls: regs.r12, kept: regs.r13, open }
    }
}
