//! System calls that a program makes in this process.

use midstride_os::nr;

use super::guest::Guest;
use super::run::Done;
use crate::event::Refusal;
use crate::machine::Stop;

/// Calls that would make or replace threads, or change what signals need.
const REFUSED: [u64; 8] =
    [nr::CLONE, nr::CLONE3, nr::FORK, nr::VFORK, nr::EXIT, nr::EXIT_GROUP, nr::RT_SIGRETURN, nr::SIGALTSTACK];

impl Guest {
    /// Makes the system call that a node is.
    pub(crate) fn make_system_call(&mut self, node: u32) -> Done {
        let entry = self.entry(node);
        let number = self.frame.get().gpr.rax;
        if REFUSED.contains(&number) {
            self.set_node(node);
            return Done::Stopped(Stop::Refused(entry.id, Refusal::SystemCall { number }));
        }
        let call = std::sync::Arc::clone(&self.call);
        call.deafened(|| self.run(&entry))
    }
}
