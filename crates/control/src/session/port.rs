//! The way orders take to the thread that carries them out.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use super::engine::Engine;
use crate::error::ControlError;
use crate::machine::Call;

pub(super) type Job = Box<dyn FnOnce(&mut Engine) + Send>;

#[derive(Default)]
pub(super) struct Port {
    mailbox: Mutex<Mailbox>,
    bell: Condvar,
    machine: OnceLock<Arc<dyn Call>>,
}

#[derive(Default)]
struct Mailbox {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Port {
    /// Makes known how the machine is called.
    pub(super) fn connect(&self, machine: Arc<dyn Call>) {
        // There is one machine to a port.
        let _ = self.machine.set(machine);
    }

    pub(super) fn push(&self, job: Job) -> Result<(), ControlError> {
        let mut mailbox = self.lock();
        if mailbox.closed {
            return Err(ControlError::Closed);
        }
        mailbox.jobs.push_back(job);
        drop(mailbox);
        self.ring();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ring();
    }

    /// Carries out jobs, and between them lets the program run, until the port is closed.
    pub(super) fn serve(&self, mut engine: Engine) {
        loop {
            // Whoever pushes a job after this calls the machine again.
            self.answered();
            while let Some(job) = self.pop() {
                job(&mut engine);
            }
            if self.lock().closed {
                return;
            }
            if engine.is_running() {
                engine.run();
            } else {
                self.wait();
            }
        }
    }

    fn ring(&self) {
        self.bell.notify_one();
        if let Some(machine) = self.machine.get() {
            machine.call();
        }
    }

    fn answered(&self) {
        if let Some(machine) = self.machine.get() {
            machine.answered();
        }
    }

    fn pop(&self) -> Option<Job> {
        self.lock().jobs.pop_front()
    }

    fn wait(&self) {
        let idle = |mailbox: &mut Mailbox| mailbox.jobs.is_empty() && !mailbox.closed;
        drop(self.bell.wait_while(self.lock(), idle));
    }

    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        // The mailbox is whole between any two statements that hold the lock.
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
