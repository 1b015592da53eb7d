//! Requests that runtimes post in the control block. A traced program can write anything there: it can
//! have its own children traced in vain, or name a process that the kernel lets this user trace.

use std::fs;
use std::io;
use std::sync::atomic::Ordering;

use midstride_tracer_abi::{Control, Request, kind, state};

use super::Note;
use super::attached::{Attached, Phase};
use super::session::Session;
use crate::sys::{self, Pid};

impl Session {
    pub(super) fn serve_requests(&mut self, control: &Control) {
        for (index, request) in control.requests.iter().enumerate() {
            match request.state.load(Ordering::Acquire) {
                state::POSTED => self.serve_posted(index, request),
                state::CANCELLED => self.serve_cancelled(index, request),
                _ => {}
            }
        }
    }

    /// Tells the runtimes that nobody serves them any more.
    pub(super) fn close(&mut self) {
        let control = self.channel.control();
        control.closing.store(1, Ordering::SeqCst);
        for request in &control.requests {
            if request.state.load(Ordering::Acquire) == state::POSTED {
                answer(request, state::REFUSED);
            }
        }
    }

    fn serve_posted(&mut self, index: usize, request: &Request) {
        request.state.store(state::TAKEN, Ordering::Release);
        let number = |word: &std::sync::atomic::AtomicU32| word.load(Ordering::Relaxed);
        let (pid, tid) = (number(&request.pid) as Pid, number(&request.tid) as Pid);
        let attached = match number(&request.kind) {
            kind::EXEC if pid > 0 && tid > 0 => sys::attach(tid),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        if attached.is_err() {
            self.note(Note::NotAttached { pid: pid as u32, tracer: tracer_of(tid) });
            return answer(request, state::REFUSED);
        }
        let (request_index, parent_slot) = (Some(index), number(&request.slot));
        self.attached.insert(Attached { tid, pid, request: request_index, parent_slot, phase: Phase::Exec });
        answer(request, state::READY);
    }

    fn serve_cancelled(&mut self, index: usize, request: &Request) {
        match self.attached.with_request(index) {
            Some(thread) if thread.phase == Phase::Interrupt => {}
            Some(thread) => {
                thread.phase = Phase::Interrupt;
                // Fails when it was killed meanwhile, which frees the request too.
                drop(sys::interrupt(thread.tid));
            }
            None => answer(request, state::FREE),
        }
    }

    /// Gives back the request of a thread that is no longer attached.
    pub(super) fn free(&self, thread: &Attached) {
        if let Some(index) = thread.request {
            answer(&self.channel.control().requests[index], state::FREE);
        }
    }
}

/// Hands a request over to its runtime.
fn answer(request: &Request, value: u32) {
    request.state.store(value, Ordering::Release);
    sys::futex_wake(&request.state);
}

/// Who traces thread `tid`; 0 when nobody.
fn tracer_of(tid: Pid) -> u32 {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}
