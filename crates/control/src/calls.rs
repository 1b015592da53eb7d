//! Which system calls would escape control, in each of the kernel's ways to make them.

use midstride_frame::Register;
use midstride_os::{nr, process};
use midstride_relocate::Flow;

/// How a system call is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Abi {
    /// `syscall`.
    Long,
    /// `int 80h`: numbers and arguments of 32-bit programs; no register changes but rax.
    Compat,
}

/// What a call does besides what it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// Nothing that whoever controls the program has to know.
    Within,
    /// It would make or replace threads, or take the state from a frame on the stack.
    Escapes,
    /// It changes how this thread's signals are handled.
    Handling,
    /// It changes which signals this thread blocks.
    Mask,
    /// It ends the thread or the process.
    Ends,
}

const LONG: [(Reach, &[u64]); 4] = [
    (
        Reach::Escapes,
        &[nr::CLONE, nr::CLONE3, nr::FORK, nr::VFORK, nr::EXECVE, nr::EXECVEAT, nr::RT_SIGRETURN],
    ),
    (Reach::Handling, &[nr::RT_SIGACTION, nr::SIGALTSTACK]),
    (Reach::Mask, &[nr::RT_SIGPROCMASK]),
    (Reach::Ends, &[nr::EXIT, nr::EXIT_GROUP]),
];

/// Numbers of Linux's `arch/x86/entry/syscalls/syscall_32.tbl`: clone, clone3, fork, vfork, execve, execveat,
/// sigreturn, rt_sigreturn; signal, sigaction, rt_sigaction, sigaltstack; ssetmask, sigsuspend, sigprocmask,
/// rt_sigprocmask, rt_sigsuspend; exit, exit_group.
const COMPAT: [(Reach, &[u64]); 4] = [
    (Reach::Escapes, &[120, 435, 2, 190, 11, 358, 119, 173]),
    (Reach::Handling, &[48, 67, 174, 186]),
    (Reach::Mask, &[69, 72, 126, 175, 179]),
    (Reach::Ends, &[1, 252]),
];

/// In numbers of `syscall` this bit says that it is a call of the x32 ABI, which numbers some calls differently.
const X32: u64 = 1 << 30;

impl Abi {
    /// That of an instruction; `None` for any other, `sysenter` included: it does not come back to 64-bit code.
    pub(crate) fn of(flow: Flow) -> Option<Self> {
        match flow {
            Flow::Syscall => Some(Self::Long),
            Flow::Interrupt { vector: 0x80 } => Some(Self::Compat),
            _ => None,
        }
    }

    /// What the call does that is made with this in rax, of which the kernel looks at the lower half.
    pub(crate) fn reach(self, rax: u64) -> Reach {
        let number = rax & u64::from(u32::MAX);
        let table = match self {
            Self::Long if number & X32 != 0 => return Reach::Escapes,
            Self::Long => &LONG,
            Self::Compat => &COMPAT,
        };
        let found = table.iter().find(|(_, numbers)| numbers.contains(&number));
        found.map_or(Reach::Within, |(reach, _)| *reach)
    }

    /// The registers that hold the arguments.
    pub(crate) fn arguments(self) -> [Register; 6] {
        match self {
            Self::Long => {
                [Register::RDI, Register::RSI, Register::RDX, Register::R10, Register::R8, Register::R9]
            }
            Self::Compat => {
                [Register::RBX, Register::RCX, Register::RDX, Register::RSI, Register::RDI, Register::RBP]
            }
        }
    }

    /// Where an instruction stands by which a child can be made to make such a call.
    pub(crate) fn site(self) -> u64 {
        match self {
            Self::Long => process::syscall_address(),
            Self::Compat => process::interrupt_address(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_their_table_says() {
        assert_eq!(Abi::Long.reach(nr::EXIT), Reach::Ends);
        assert_eq!(Abi::Long.reach(1), Reach::Within, "write");
        assert_eq!(Abi::Compat.reach(1), Reach::Ends, "exit");
        assert_eq!(Abi::Compat.reach(2), Reach::Escapes, "fork");
        assert_eq!(Abi::Compat.reach(nr::FORK), Reach::Within, "lchown16 has its number there");
    }

    /// The kernel looks at the lower half of rax only: with other bits set, `fork` was let through.
    #[test]
    fn the_upper_half_of_a_number_does_not_count() {
        assert_eq!(Abi::Long.reach(1 << 32 | nr::FORK), Reach::Escapes);
        assert_eq!(Abi::Compat.reach(7 << 32 | 1), Reach::Ends);
    }

    #[test]
    fn x32_calls_escape() {
        assert_eq!(Abi::Long.reach(X32 | 520), Reach::Escapes, "execve");
    }
}
