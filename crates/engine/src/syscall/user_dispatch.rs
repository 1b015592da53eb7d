//! The program has its system calls handed back to itself: syscall user dispatch (prctl(2),
//! `PR_SET_SYSCALL_USER_DISPATCH`).
//!
//! The kernel would hand back the engine's own calls too, which all lie outside the range that the program
//! allows. So it is never told, and the engine does what it would have done.

use core::sync::atomic::Ordering;

use midstride_asm::Gpr;
use midstride_os::signal::{
    MaskHow, SIG_DFL, SIG_IGN, SIGSEGV, SIGSYS, SYS_USER_DISPATCH, SigInfo, SigSet, rt_sigprocmask,
    rt_tgsigqueueinfo,
};
use midstride_os::{Errno, thread};

use super::{Verdict, argument};
use crate::context::ThreadContext;
use crate::engine::Engine;
use crate::memory::read_app;
use crate::policy::{Domain, Policy};
use crate::signal::forced;

/// What a thread asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserDispatch {
    /// Where the range begins whose calls are made; it may wrap around.
    from: u64,
    /// Its bytes.
    bytes: u64,
    /// Where the byte lies that says what becomes of the others; 0 for none, and they are handed back.
    selector: u64,
}

/// First address that no program has (Linux `TASK_SIZE_MAX`).
const PROGRAMS_END: u64 = 0x7fff_ffff_f000;
/// The architecture that [`SigInfo`] names (`linux/audit.h`).
const AUDIT_ARCH_X86_64: u64 = 0xc000_003e;

impl UserDispatch {
    /// The thread's new state.
    fn asked(mode: u64, from: u64, bytes: u64, selector: u64) -> Result<Option<Self>, Errno> {
        const OFF: u64 = 0;
        const ALL_BUT: u64 = 1;
        const ONLY: u64 = 2;
        let overflows = from.wrapping_add(bytes) <= from;
        let (from, bytes) = match mode {
            OFF if from | bytes | selector == 0 => return Ok(None),
            ALL_BUT if from == 0 || !overflows => (from, bytes),
            ONLY if bytes != 0 && !overflows => (from + bytes, bytes.wrapping_neg()),
            _ => return Err(Errno::EINVAL),
        };
        let readable = selector < PROGRAMS_END;
        if readable { Ok(Some(Self { from, bytes, selector })) } else { Err(Errno::EFAULT) }
    }

    /// What becomes of a call that ends before `pc`.
    fn rules(self, pc: u64) -> Rule {
        let mut byte = [Self::BLOCK];
        if pc.wrapping_sub(self.from) < self.bytes {
            return Rule::Make;
        }
        if self.selector != 0 && read_app(self.selector, &mut byte).is_err() {
            return Rule::Kill(SIGSEGV);
        }
        match byte {
            [Self::ALLOW] => Rule::Make,
            [Self::BLOCK] => Rule::HandBack,
            _ => Rule::Kill(SIGSYS),
        }
    }

    const ALLOW: u8 = 0;
    const BLOCK: u8 = 1;
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    Make,
    HandBack,
    Kill(i32),
}

impl<P: Policy> Engine<P> {
    pub(super) fn set_user_dispatch(&self, cx: &mut ThreadContext) -> Verdict {
        if P::DOMAIN == Domain::Threads {
            // A thread that is left to itself again would not have it; so it never had.
            return Verdict::Answer(Errno::EINVAL.raw());
        }
        let [mode, from, bytes, selector] = [1, 2, 3, 4].map(|index| argument(cx, index));
        match UserDispatch::asked(mode, from, bytes, selector) {
            Ok(dispatch) => cx.user_dispatch = dispatch,
            Err(error) => return Verdict::Answer(error.raw()),
        }
        Verdict::Answer(0)
    }

    /// What becomes of the call under way, if the thread wants to hear of it.
    pub(super) fn dispatched_to_user(&self, cx: &mut ThreadContext) -> Option<Verdict> {
        match cx.user_dispatch?.rules(cx.next_pc) {
            Rule::Make => None,
            Rule::HandBack => Some(self.hand_back(cx)),
            Rule::Kill(signal) => {
                self.die_of(&forced(signal));
                Some(Verdict::Elsewhere)
            }
        }
    }

    /// SIGSYS, with the state behind the call that was not made. It is raised like a fault: who cannot take
    /// it dies of it.
    fn hand_back(&self, cx: &mut ThreadContext) -> Verdict {
        let Ok(mask) = rt_sigprocmask(MaskHow::Block, Some(SigSet::ALL)) else { return Verdict::Call };
        if cx.has_pending.load(Ordering::Relaxed) != 0 {
            // It goes first, then the call comes here again.
            return Verdict::Elsewhere;
        }
        let mask = cx.take_shielded_mask().unwrap_or(mask);
        let number = cx.state.get(Gpr::Rax);
        self.answer_call(cx, number as i64);
        let mut info = SigInfo { signo: SIGSYS, code: SYS_USER_DISPATCH, ..SigInfo::default() };
        info.words[0] = cx.next_pc;
        info.words[1] = number & 0xffff_ffff | AUDIT_ARCH_X86_64 << 32;
        let action = self.signals.action(cx.sighand, SIGSYS);
        if mask.contains(SIGSYS) || [SIG_DFL, SIG_IGN].contains(&action.handler) {
            self.die_of(&info);
            return Verdict::Elsewhere;
        }
        let _ = rt_tgsigqueueinfo(thread::getpid(), thread::gettid(), SIGSYS, &info);
        // It comes now, before all others: the kernel prefers what code raises to what is sent.
        let _ = rt_sigprocmask(MaskHow::Set, Some(mask));
        Verdict::Elsewhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_take_the_arguments_that_the_kernel_takes() {
        let asked = |mode, from, bytes, selector| UserDispatch::asked(mode, from, bytes, selector).map(drop);
        assert_eq!(asked(0, 0, 0, 0), Ok(()));
        assert_eq!(asked(0, 0, 0, 8), Err(Errno::EINVAL), "off takes nothing");
        assert_eq!(asked(1, 0, 0, 8), Ok(()), "no range");
        assert_eq!(asked(1, 8, u64::MAX, 8), Err(Errno::EINVAL), "a range that wraps");
        assert_eq!(asked(1, 8, 0, 8), Err(Errno::EINVAL), "an empty range");
        assert_eq!(asked(2, 0, 0, 8), Err(Errno::EINVAL), "nothing to hand back");
        assert_eq!(asked(1, 0, 0, PROGRAMS_END), Err(Errno::EFAULT));
        assert_eq!(asked(3, 0, 0, 0), Err(Errno::EINVAL));
    }

    #[test]
    fn ranges_are_excepted_or_the_only_ones() {
        let rule = |mode, pc| UserDispatch::asked(mode, 0x1000, 0x100, 0).unwrap().unwrap().rules(pc);
        let both = |pc| [rule(1, pc), rule(2, pc)];
        for outside in [0, 0xfff, 0x1100, u64::MAX] {
            assert_eq!(both(outside), [Rule::HandBack, Rule::Make], "{outside:#x}");
        }
        for inside in [0x1000, 0x10ff] {
            assert_eq!(both(inside), [Rule::Make, Rule::HandBack], "{inside:#x}");
        }
    }
}
