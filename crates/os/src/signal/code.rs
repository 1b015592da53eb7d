//! `si_code` values (sigaction(2), Linux `uapi/asm-generic/siginfo.h`).

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])* pub const $name: i32 = $number;)*
    };
}

codes! {
    /// Sent by kill(2).
    SI_USER = 0;
    /// Sent by the kernel.
    SI_KERNEL = 0x80;
    /// Sent by sigqueue(3).
    SI_QUEUE = -1;
    /// A POSIX timer ran out.
    SI_TIMER = -2;
    /// A message queue changed.
    SI_MESGQ = -3;
    /// Asynchronous input or output ended.
    SI_ASYNCIO = -4;
    /// SIGIO was queued.
    SI_SIGIO = -5;
    /// Sent by tkill(2) or tgkill(2).
    SI_TKILL = -6;
    /// SIGILL: no such instruction.
    ILL_ILLOPC = 1;
    /// SIGILL: no such operand.
    ILL_ILLOPN = 2;
    /// SIGILL: no such addressing mode.
    ILL_ILLADR = 3;
    /// SIGILL: no such trap.
    ILL_ILLTRP = 4;
    /// SIGILL: privileged instruction.
    ILL_PRVOPC = 5;
    /// SIGFPE: integer division by zero.
    FPE_INTDIV = 1;
    /// SIGFPE: integer overflow.
    FPE_INTOVF = 2;
    /// SIGFPE: division by zero.
    FPE_FLTDIV = 3;
    /// SIGFPE: overflow.
    FPE_FLTOVF = 4;
    /// SIGFPE: underflow.
    FPE_FLTUND = 5;
    /// SIGFPE: inexact result.
    FPE_FLTRES = 6;
    /// SIGFPE: invalid operation.
    FPE_FLTINV = 7;
    /// SIGSEGV: nothing is mapped there.
    SEGV_MAPERR = 1;
    /// SIGSEGV: the mapping forbids it.
    SEGV_ACCERR = 2;
    /// SIGSEGV: a protection key forbids it.
    SEGV_PKUERR = 4;
    /// SIGBUS: misaligned.
    BUS_ADRALN = 1;
    /// SIGBUS: behind the end of a mapped file.
    BUS_ADRERR = 2;
    /// SIGTRAP: breakpoint instruction by ptrace.
    TRAP_BRKPT = 1;
    /// SIGTRAP: single step.
    TRAP_TRACE = 2;
    /// SIGTRAP: taken branch.
    TRAP_BRANCH = 3;
    /// SIGTRAP: hardware breakpoint.
    TRAP_HWBKPT = 4;
    /// SIGCHLD: exited.
    CLD_EXITED = 1;
    /// SIGCHLD: killed.
    CLD_KILLED = 2;
    /// SIGCHLD: killed, with a core dump.
    CLD_DUMPED = 3;
    /// SIGCHLD: stopped by a tracer.
    CLD_TRAPPED = 4;
    /// SIGCHLD: stopped.
    CLD_STOPPED = 5;
    /// SIGCHLD: continued.
    CLD_CONTINUED = 6;
    /// SIGSYS: a seccomp filter.
    SYS_SECCOMP = 1;
    /// SIGSYS: the program wanted to hear of the call.
    SYS_USER_DISPATCH = 2;
}
