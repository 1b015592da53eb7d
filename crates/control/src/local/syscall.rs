//! System calls that a program makes in this process.

use std::sync::Arc;

use midstride_os::signal::SigSet;
use midstride_os::{Errno, nr};

use super::guest::Guest;
use super::run::Done;
use crate::event::{Death, Refusal};
use crate::machine::Stop;
use crate::point::ExitKind;

/// Calls that would make or replace threads, or change what handling signals needs.
const REFUSED: [u64; 9] = [
    nr::CLONE,
    nr::CLONE3,
    nr::FORK,
    nr::VFORK,
    nr::EXECVE,
    nr::EXECVEAT,
    nr::RT_SIGRETURN,
    nr::RT_SIGACTION,
    nr::SIGALTSTACK,
];
/// Calls that would end this thread or this process.
const ENDS: [u64; 2] = [nr::EXIT, nr::EXIT_GROUP];

impl Guest {
    /// Makes the system call that a node is.
    pub(crate) fn make_system_call(&mut self, node: u32) -> Done {
        let entry = self.entry(node);
        let gpr = self.frame.get().gpr;
        match gpr.rax {
            number if REFUSED.contains(&number) => {
                self.set_node(node);
                Done::Stopped(Stop::Refused(entry.id, Refusal::SystemCall { number }))
            }
            number if ENDS.contains(&number) => {
                self.begin();
                Done::Stopped(Stop::Killed(Death::Exited { status: (gpr.rdi & 0xff) as i32 }))
            }
            nr::RT_SIGPROCMASK => {
                let answer = self.change_mask(gpr.rdi, gpr.rsi, gpr.rdx, gpr.r10);
                let rax = answer.map_or_else(|errno| i64::from(-errno.get()), |()| 0);
                self.frame.get().gpr.rax = rax.cast_unsigned();
                Done::Went { to: entry.next, kind: ExitKind::Next }
            }
            number => self.make_real_call(node, number),
        }
    }

    fn make_real_call(&mut self, node: u32, number: u64) -> Done {
        let entry = self.entry(node);
        let call = Arc::clone(&self.call);
        let done = call.deafened(|| self.run(&entry));
        let gpr = &mut self.frame.get().gpr;
        match done {
            // It was called in the middle; no other signal can have done this.
            Done::Stopped(Stop::Called) if gpr.rax.cast_signed() == i64::from(-Errno::EINTR.get()) => {
                gpr.rax = number;
                self.set_node(node);
            }
            Done::Went { .. } => gpr.rcx = entry.behind,
            _ => {}
        }
        done
    }

    /// `rt_sigprocmask` on a mask that is only kept: the thread has to hear its signals.
    fn change_mask(&mut self, how: u64, set: u64, old: u64, bytes: u64) -> Result<(), Errno> {
        const MASK_BYTES: usize = size_of::<SigSet>();
        if bytes != MASK_BYTES as u64 {
            return Err(Errno::EINVAL);
        }
        let before = self.mask;
        let mut new = [0; MASK_BYTES];
        if set != 0 && self.read(set, &mut new) != MASK_BYTES {
            return Err(Errno::EFAULT);
        }
        let new = SigSet::from_bits(u64::from_le_bytes(new));
        let after = match how {
            _ if set == 0 => before,
            0 => before.union(new),
            1 => before.minus(new),
            2 => new,
            _ => return Err(Errno::EINVAL),
        };
        if old != 0 && self.write(old, &before.bits().to_le_bytes()) != MASK_BYTES {
            return Err(Errno::EFAULT);
        }
        self.mask = after;
        Ok(())
    }
}
