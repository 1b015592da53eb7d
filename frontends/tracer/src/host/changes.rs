//! What the host does when a process changes.

use std::fs;

use super::attached::{Attached, Phase};
use super::session::Session;
use super::{Ending, Note};
use crate::inject::{self, InjectError};
use crate::sys::{self, Change, Pid, Stop};

// Requests about a process fail when it was killed meanwhile; its end is then the next change, so their
// results are dropped here.
impl Session {
    pub(super) fn changed(&mut self, pid: Pid, change: Change) {
        match (change, self.attached.get(pid)) {
            // The thread that called exec has become the process, under its id.
            (Change::Stopped(Stop::Exec), _) => self.executed(pid),
            (Change::Stopped(stop), Some(thread)) => self.stopped(thread, stop),
            (Change::Stopped(Stop::Signal(signal)), None) if pid == self.main => {
                self.stop_with_program(signal);
            }
            (Change::Stopped(_) | Change::Continued, _) => {}
            (Change::Exited(status), _) => self.ended(pid, Ending::Exited(status)),
            (Change::Killed { signal, .. }, _) => self.ended(pid, Ending::Killed(signal)),
        }
    }

    fn stopped(&mut self, thread: Attached, stop: Stop) {
        match (stop, thread.phase) {
            (Stop::Group { .. }, Phase::Interrupt) => self.let_go(thread.tid, 0),
            (Stop::Signal(signal), Phase::Interrupt) => self.let_go(thread.tid, signal),
            (Stop::Signal(signal), Phase::Exec) => drop(sys::cont(thread.tid, signal)),
            (Stop::Group { signal: libc::SIGTRAP } | Stop::Syscall | Stop::Exec, _) => {
                drop(sys::cont(thread.tid, 0));
            }
            (Stop::Group { signal }, Phase::Exec) => {
                drop(sys::listen(thread.tid));
                if thread.pid == self.main {
                    self.stop_with_program(signal);
                }
            }
        }
    }

    /// A process is stopped at a successful exec, which ended all its other threads.
    fn executed(&mut self, pid: Pid) {
        let former = sys::event_message(pid).unwrap_or(pid as u64);
        let threads = self.attached.remove_process(pid);
        threads.iter().for_each(|thread| self.free(thread));
        if let Some(thread) = threads.iter().find(|thread| thread.tid as u64 == former) {
            self.channel.mark_execed(thread.parent_slot, thread.own_pid);
            self.inject(pid, thread.parent_slot);
        }
        drop(sys::detach(pid, 0));
    }

    fn inject(&mut self, pid: Pid, parent_slot: u32) {
        let Some(slot) = self.channel.take_slot() else {
            return self.note(Note::NoSlot { pid: pid as u32 });
        };
        let settings = self.settings(slot, parent_slot);
        match inject::inject(pid, &mut self.image, &self.channel, &settings) {
            Ok(()) => {
                let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
                self.programs.insert(slot, program);
            }
            Err(InjectError::Gone) => {}
            Err(why) => self.note(Note::NotInjected { pid: pid as u32, why }),
        }
    }

    /// Detaches from a thread whose exec failed.
    fn let_go(&mut self, tid: Pid, signal: i32) {
        drop(sys::detach(tid, signal));
        if let Some(thread) = self.attached.remove(tid) {
            self.free(&thread);
        }
    }

    fn ended(&mut self, pid: Pid, ending: Ending) {
        if let Some(thread) = self.attached.remove(pid) {
            self.free(&thread);
        }
        if pid == self.main {
            self.ending = Some(ending);
        }
    }
}
