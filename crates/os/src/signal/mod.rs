//! Signals as the kernel knows them.

mod action;
mod code;
mod number;
mod send;
mod set;
mod stack;

pub use action::{
    KernelSigaction, SA_EXPOSE_TAGBITS, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_NODEFER, SA_ONSTACK, SA_RESETHAND,
    SA_RESTART, SA_RESTORER, SA_SIGINFO, SA_UNSUPPORTED, SIG_DFL, SIG_IGN, rt_sigaction, rt_sigreturn,
};
pub use code::*;
pub use midstride_frame::signal::{
    MContext, SigInfo, SignalFrame, SignalStack, UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS,
    UContext,
};
pub use number::*;
pub use send::rt_tgsigqueueinfo;
pub use set::{MaskHow, SigSet, rt_sigprocmask};
pub use stack::{SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, sigaltstack};
