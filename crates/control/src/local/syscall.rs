//! System calls that a program makes in this process.

use std::sync::Arc;

use midstride_os::Errno;
use midstride_os::signal::SigSet;
use midstride_relocate::Flow;

use super::guest::Guest;
use super::run::Done;
use crate::calls::{Abi, Reach};
use crate::event::{Death, Refusal};
use crate::machine::Stop;
use crate::point::ExitKind;
use crate::program::Node;

impl Guest {
    /// Makes the system call that a node is.
    pub(crate) fn make_system_call(&mut self, node: u32) -> Done {
        let entry = self.entry(node);
        let gpr = self.frame.get().gpr;
        let Some(abi) = self.abi(node) else {
            return self.refuse(node, Refusal::FarTransfer);
        };
        match (abi.reach(gpr.rax), abi) {
            (Reach::Ends, _) => {
                self.begin();
                let status = if abi == Abi::Long { gpr.rdi } else { gpr.rbx };
                Done::Stopped(Stop::Killed(Death::Exited { status: (status & 0xff) as i32 }))
            }
            (Reach::Mask, Abi::Long) => {
                let answer = self.change_mask(gpr.rdi, gpr.rsi, gpr.rdx, gpr.r10);
                let rax = answer.map_or_else(|errno| i64::from(-errno.get()), |()| 0);
                self.frame.get().gpr.rax = rax.cast_unsigned();
                Done::Went { to: entry.next, kind: ExitKind::Next }
            }
            (Reach::Within, _) => self.make_real_call(node, abi),
            _ => self.refuse(node, Refusal::SystemCall { number: gpr.rax }),
        }
    }

    /// How the system call that a node is, is made.
    fn abi(&self, node: u32) -> Option<Abi> {
        let program = self.programs.program()?;
        Abi::of(program.node(self.id(node)).map_or(Flow::Next, Node::flow))
    }

    fn refuse(&mut self, node: u32, reason: Refusal) -> Done {
        self.set_node(node);
        Done::Stopped(Stop::Refused(self.id(node), reason))
    }

    fn make_real_call(&mut self, node: u32, abi: Abi) -> Done {
        let entry = self.entry(node);
        let gpr = &mut self.frame.get().gpr;
        let number = gpr.rax;
        // Where it is when it is turned back before it is entered.
        gpr.rip = entry.code;
        let call = Arc::clone(&self.call);
        let done = call.deafened(|| self.run(&entry));
        let gpr = &mut self.frame.get().gpr;
        match done {
            // It was called in the middle; no other signal can have done this.
            Done::Stopped(Stop::Called) if gpr.rax.cast_signed() == i64::from(-Errno::EINTR.get()) => {
                gpr.rax = number;
                self.set_node(node);
            }
            Done::Went { .. } if abi == Abi::Long => gpr.rcx = entry.behind,
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
