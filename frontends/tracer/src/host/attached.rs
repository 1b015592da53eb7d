//! Threads the host is attached to, from their request until they are injected or let go.

use crate::sys::Pid;

/// An attached thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attached {
    /// Its thread id.
    pub(super) tid: Pid,
    /// Its process id.
    pub(super) pid: Pid,
    /// Its process id in its own pid namespace.
    pub(super) own_pid: u32,
    /// Index of its request; none for the first program.
    pub(super) request: Option<usize>,
    /// The slot of its process; `u32::MAX` for the first program.
    pub(super) parent_slot: u32,
    /// What it is expected to do next.
    pub(super) phase: Phase,
}

/// What the host waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The exec.
    Exec,
    /// A stop, to detach: the exec failed.
    Interrupt,
}

/// All attached threads; there are few at a time.
#[derive(Default)]
pub(super) struct AttachedSet {
    threads: Vec<Attached>,
}

impl AttachedSet {
    pub(super) fn insert(&mut self, thread: Attached) {
        self.threads.push(thread);
    }

    pub(super) fn get(&self, tid: Pid) -> Option<Attached> {
        self.threads.iter().find(|thread| thread.tid == tid).copied()
    }

    /// The thread that posted request `index`.
    pub(super) fn with_request(&mut self, index: usize) -> Option<&mut Attached> {
        self.threads.iter_mut().find(|thread| thread.request == Some(index))
    }

    pub(super) fn remove(&mut self, tid: Pid) -> Option<Attached> {
        let at = self.threads.iter().position(|thread| thread.tid == tid)?;
        Some(self.threads.swap_remove(at))
    }

    /// Takes out all threads of process `pid`; an exec ends them.
    pub(super) fn remove_process(&mut self, pid: Pid) -> Vec<Attached> {
        let (gone, left) =
            std::mem::take(&mut self.threads).into_iter().partition(|thread| thread.pid == pid);
        self.threads = left;
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(tid: Pid, pid: Pid, request: usize) -> Attached {
        Attached { tid, pid, own_pid: pid as u32, request: Some(request), parent_slot: 0, phase: Phase::Exec }
    }

    #[test]
    fn an_exec_takes_all_threads_of_its_process_and_no_others() {
        let mut set = AttachedSet::default();
        [thread(10, 10, 0), thread(11, 10, 1), thread(20, 20, 2)]
            .into_iter()
            .for_each(|thread| set.insert(thread));
        let gone = set.remove_process(10);
        assert_eq!(gone.iter().map(|thread| thread.tid).collect::<Vec<_>>(), [10, 11]);
        assert_eq!((set.get(11), set.get(20)), (None, Some(thread(20, 20, 2))));
    }
}
