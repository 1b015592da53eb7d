//! The program's system calls.
//!
//! Most leave from the gate as they are. Those in [`special`] are seen first: they change what may be executed,
//! create or end threads and processes, or concern signals, which the engine virtualizes.

mod birth;
mod confine;
mod ends;
mod limits;
mod memory;
mod misc;
#[cfg(test)]
mod tests;
mod user_dispatch;

pub use limits::{Limited, Limits};
pub(crate) use user_dispatch::UserDispatch;

use midstride_addr::AppPc;
use midstride_asm::Gpr;
use midstride_os::{Errno, nr, syscall6};

use crate::context::ThreadContext;
use crate::dispatch::exit_number;
use crate::engine::{Arrival, Engine, Shared};
use crate::gate::answer;
use crate::policy::{Domain, Policy};

/// What becomes of a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The kernel decides, without us.
    Call,
    /// The kernel decides, and then there is work.
    CallThen(After),
    /// A clone that shares memory.
    Clone,
    /// It has been answered, as the kernel would.
    Answer(i64),
    /// The program is elsewhere now.
    Elsewhere,
}

/// Work behind a system call.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u64)]
pub enum After {
    /// Only to find the next block.
    #[default]
    Nothing,
    /// If the kernel could not write where the program can, the call is made again.
    Retry,
    /// A clone returned, in the parent or in the child.
    Clone,
    /// An exec failed.
    Exec {
        /// The policy's ticket.
        ticket: u32,
    },
    /// A file may be shorter now.
    Shrink,
    /// A filter was to be installed.
    Confine,
}

/// Arguments of a system call, by register number.
const ARGUMENTS: [Gpr; 6] = [Gpr::Rdi, Gpr::Rsi, Gpr::Rdx, Gpr::R10, Gpr::R8, Gpr::R9];

/// Argument `index` of the call under way.
pub(crate) fn argument(cx: &ThreadContext, index: usize) -> u64 {
    cx.state.get(ARGUMENTS[index])
}

type Special<P> = fn(&Engine<P>, &mut ThreadContext) -> Verdict;

/// The calls that are not simply made.
fn special<P: Policy>(number: u64) -> Option<Special<P>> {
    let special: Special<P> = match number {
        nr::MMAP => Engine::mmap,
        nr::MUNMAP => Engine::munmap,
        nr::MPROTECT | nr::PKEY_MPROTECT => Engine::mprotect,
        nr::MREMAP => Engine::mremap,
        nr::SHMAT => Engine::shmat,
        nr::SHMDT => Engine::shmdt,
        nr::IO_SETUP | nr::IO_URING_SETUP => Engine::writes_later,
        nr::MADVISE => Engine::madvise,
        nr::TRUNCATE | nr::FTRUNCATE | nr::CREAT => Engine::shrink,
        nr::OPEN | nr::OPENAT => Engine::open,
        nr::PWRITE64 | nr::PWRITEV | nr::PWRITEV2 => Engine::pwrite,
        nr::WRITE | nr::WRITEV => Engine::write,
        nr::MLOCKALL => Engine::mlockall,
        nr::PROCESS_VM_WRITEV => Engine::process_vm_writev,
        nr::CLONE | nr::FORK | nr::VFORK => Engine::clone_call,
        nr::CLONE3 => Engine::clone3,
        nr::EXIT => Engine::exit_thread,
        nr::EXIT_GROUP => Engine::exit_process,
        nr::RT_SIGRETURN => Engine::rt_sigreturn,
        nr::SIGALTSTACK => Engine::sigaltstack,
        nr::ARCH_PRCTL => Engine::arch_prctl,
        nr::SECCOMP => Engine::seccomp,
        nr::PRCTL => Engine::prctl,
        _ => return special_in_domain(number),
    };
    Some(special)
}

/// The calls that depend on whose the signals are, and what else is only done for whole processes.
fn special_in_domain<P: Policy>(number: u64) -> Option<Special<P>> {
    Some(match (P::DOMAIN, number) {
        (Domain::Process, nr::EXECVE | nr::EXECVEAT) => Engine::exec,
        (Domain::Process, nr::RT_SIGACTION) => Engine::rt_sigaction,
        (Domain::Process, nr::RSEQ) => Engine::rseq,
        (Domain::Process, nr::SETRLIMIT | nr::GETRLIMIT | nr::PRLIMIT64) => Engine::limit,
        (Domain::Threads, nr::RT_SIGACTION) => Engine::wrapped_sigaction,
        _ => return None,
    })
}

impl<P: Policy> Engine<P> {
    /// Serves the door for system calls.
    pub(crate) fn system_call(&self, cx: &mut ThreadContext) -> u32 {
        self.come_to_call(cx);
        cx.after = After::Nothing;
        let number = cx.state.get(Gpr::Rax);
        let verdict = match (self.dispatched_to_user(cx), special::<P>(number)) {
            (Some(verdict), _) => verdict,
            (None, Some(special)) => special(self, cx),
            (None, None) => Verdict::Call,
        };
        self.carry_out(cx, verdict)
    }

    /// The state at the call, and what is behind it.
    fn come_to_call(&self, cx: &mut ThreadContext) {
        let shared = self.lock();
        self.policy.entered(cx, midstride_block::Door::Syscall);
        let exit = shared.cache.exit(exit_number(cx)).copied();
        let Some(exit) = exit else { crate::fatal::fail(format_args!("a system call came from nowhere")) };
        cx.state.pc = exit.at.get();
        cx.next_pc = exit.target.get();
    }

    /// Says how the gate goes on.
    fn carry_out(&self, cx: &mut ThreadContext, verdict: Verdict) -> u32 {
        match verdict {
            Verdict::Call if self.lock().watch.any_protected() => {
                cx.before_call = cx.state;
                cx.after = After::Retry;
                answer::SYSCALL_AFTER
            }
            Verdict::Call => self.make_call(cx),
            Verdict::CallThen(after) => {
                cx.after = after;
                answer::SYSCALL_AFTER
            }
            Verdict::Clone if P::DOMAIN == Domain::Threads => answer::CLONE_LEAVING,
            Verdict::Clone => answer::CLONE,
            Verdict::Answer(value) => {
                self.answer_call(cx, value);
                self.go_on(cx)
            }
            Verdict::Elsewhere => self.go_on(cx),
        }
    }

    /// The call leaves from the gate. If the block behind it exists the gate goes straight on there.
    fn make_call(&self, cx: &mut ThreadContext) -> u32 {
        let shared = self.lock();
        let next = shared.cache.lookup(AppPc::new(cx.next_pc)).and_then(|id| shared.cache.block(id));
        match next {
            Some(block) => {
                self.resume_at(cx, block.body);
                answer::SYSCALL
            }
            None => answer::SYSCALL_AFTER,
        }
    }

    /// The state behind a call that was answered with `value`.
    fn answer_call(&self, cx: &mut ThreadContext, value: i64) {
        cx.state.set(Gpr::Rax, value as u64);
        cx.state.set(Gpr::Rcx, cx.next_pc);
        cx.state.set(Gpr::R11, cx.state.rflags);
        cx.state.pc = cx.next_pc;
    }

    /// Goes on where the state is.
    fn go_on(&self, cx: &mut ThreadContext) -> u32 {
        let shared = self.lock();
        let pc = cx.state.app_pc();
        self.resolve(cx, shared, pc, Arrival::Gate)
    }

    /// A signal came before the call was made; it will be made again when its handler is done.
    pub(crate) fn abandon_call(&self, cx: &mut ThreadContext) {
        Self::live_on(cx);
        match core::mem::take(&mut cx.after) {
            After::Exec { ticket } => self.after_exec(cx, ticket),
            After::Confine => self.unconfine(cx),
            _ => {}
        }
    }

    /// Work behind a call that left from the gate; the answer is in the state's rax.
    pub(crate) fn after_system_call(&self, cx: &mut ThreadContext, occasion: u32) {
        let after = core::mem::take(&mut cx.after);
        if occasion == answer::CLONE || occasion == answer::CLONE_LEAVING {
            return self.after_clone(cx);
        }
        Self::live_on(cx);
        let failed = (cx.state.get(Gpr::Rax) as i64) < 0;
        match after {
            After::Exec { ticket } => self.after_exec(cx, ticket),
            After::Confine if failed => self.unconfine(cx),
            After::Shrink => self.forget_unreadable(),
            After::Retry if cx.state.get(Gpr::Rax) as i64 == Errno::EFAULT.raw() => self.retry(cx),
            _ => {}
        }
    }

    /// All protected pages are opened, and the program is before its call again.
    fn retry(&self, cx: &mut ThreadContext) {
        let mut shared = self.lock();
        if !shared.watch.any_protected() {
            return;
        }
        Self::open_all(&mut shared);
        cx.state = cx.before_call;
    }

    /// No page is protected by us any more, and nothing of them is cached.
    pub(crate) fn open_all(shared: &mut Shared) {
        while let Some(address) = shared.watch.first_protected() {
            if let Some(range) = shared.watch.open(address) {
                shared.cache.invalidate(range);
            }
        }
    }
}

/// Makes the call under way from here, for calls that do not block.
#[allow(unsafe_code, reason = "makes the program's own system call")]
pub(crate) fn make(cx: &ThreadContext) -> i64 {
    let [a, b, c, d, e, f] = ARGUMENTS.map(|reg| cx.state.get(reg));
    // SAFETY: it is the program's call with the program's arguments; the callers have seen to it that
    // it does not touch memory of the engine's.
    unsafe { syscall6(cx.state.get(Gpr::Rax), a, b, c, d, e, f) }
}
