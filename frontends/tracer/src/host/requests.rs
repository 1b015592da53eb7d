//! Requests that runtimes post in the control block. A traced program can write anything there: it can
//! have its own children traced in vain, or have shown it a word in a process that the kernel lets this user trace.

use std::sync::atomic::Ordering;

use midstride_tracer_abi::{Control, Request, kind, state};

use super::Note;
use super::attached::{Attached, Phase};
use super::requester::{self, Requester};
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
        let (posted, taken) = (state::POSTED, state::TAKEN);
        if request.state.compare_exchange(posted, taken, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return;
        }
        let number = |word: &std::sync::atomic::AtomicU32| word.load(Ordering::Relaxed);
        let (pid, parent_slot) = (number(&request.pid), number(&request.slot));
        match attach_to(request, number(&request.kind), pid) {
            Ok(Requester { pid: host_pid, tid }) => {
                let (request, phase) = (Some(index), Phase::Exec);
                self.attached.insert(Attached {
                    tid,
                    pid: host_pid,
                    own_pid: pid,
                    request,
                    parent_slot,
                    phase,
                });
            }
            Err(note) => {
                self.notes_of_refusal(note);
                return answer(request, state::REFUSED);
            }
        }
        answer(request, state::READY);
    }

    fn notes_of_refusal(&mut self, note: Option<Note>) {
        if let Some(note) = note {
            self.note(note);
        }
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

/// Attaches to whoever posted the request, or says why not; a thread that is gone needs no word.
fn attach_to(request: &Request, wanted: u32, pid: u32) -> Result<Requester, Option<Note>> {
    if wanted == kind::PRIVILEGED {
        return Err(Some(Note::Privileged { pid }));
    }
    let Some(requester) = requester::find(request).filter(|_| wanted == kind::EXEC) else {
        let ended = requester::has_ended(request.tid.load(Ordering::Relaxed) as Pid);
        return Err((!ended).then_some(Note::NotFound { pid }));
    };
    match sys::attach(requester.tid) {
        Ok(()) => Ok(requester),
        Err(_) if requester::has_ended(requester.tid) => Err(None),
        Err(_) => Err(Some(Note::NotAttached { pid, tracer: requester::tracer_of(requester.tid) })),
    }
}
