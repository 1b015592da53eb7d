//! Copying the general registers between structures that name them alike.

/// A [`GprFrame`](crate::GprFrame) of the fields of another structure.
macro_rules! gprs {
    ($from:expr) => {
        $crate::gpr::GprFrame {
            rax: $from.rax,
            rcx: $from.rcx,
            rdx: $from.rdx,
            rbx: $from.rbx,
            rsp: $from.rsp,
            rbp: $from.rbp,
            rsi: $from.rsi,
            rdi: $from.rdi,
            r8: $from.r8,
            r9: $from.r9,
            r10: $from.r10,
            r11: $from.r11,
            r12: $from.r12,
            r13: $from.r13,
            r14: $from.r14,
            r15: $from.r15,
            rip: $from.rip,
            rflags: $from.rflags,
        }
    };
}

/// Sets the fields of another structure to those of a [`GprFrame`](crate::GprFrame).
macro_rules! set_gprs {
    ($to:expr, $from:expr) => {
        $to.rax = $from.rax;
        $to.rcx = $from.rcx;
        $to.rdx = $from.rdx;
        $to.rbx = $from.rbx;
        $to.rsp = $from.rsp;
        $to.rbp = $from.rbp;
        $to.rsi = $from.rsi;
        $to.rdi = $from.rdi;
        $to.r8 = $from.r8;
        $to.r9 = $from.r9;
        $to.r10 = $from.r10;
        $to.r11 = $from.r11;
        $to.r12 = $from.r12;
        $to.r13 = $from.r13;
        $to.r14 = $from.r14;
        $to.r15 = $from.r15;
        $to.rip = $from.rip;
        $to.rflags = $from.rflags;
    };
}

pub(crate) use {gprs, set_gprs};
