//! The way orders take to the thread that carries them out.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::engine::Engine;
use crate::error::ControlError;
use crate::event::{Event, Events};
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

    /// Carries out jobs, and between them lets the program run, until the port is closed, or `enough` says so.
    pub(super) fn serve(&self, engine: &mut Engine, enough: Option<&dyn Fn() -> bool>) {
        loop {
            // Whoever pushes a job after this calls the machine again.
            self.answered();
            while let Some(job) = self.pop() {
                job(engine);
            }
            if self.lock().closed || enough.is_some_and(|enough| enough()) {
                return;
            }
            if engine.is_running() {
                engine.run();
            } else {
                self.wait(enough);
            }
        }
    }

    /// Lets the program run in this thread until there is an event, or time is up.
    pub(super) fn drive(&self, engine: &mut Engine, events: &Events, timeout: Duration) -> Option<Event> {
        let until = Instant::now() + timeout;
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            // Time is up for a program that runs only when somebody calls it.
            let clock = scope.spawn(|| self.ring_at(until, &done));
            engine.sit();
            self.serve(engine, Some(&|| !events.is_empty() || Instant::now() >= until));
            engine.rise();
            done.store(true, Ordering::Release);
            clock.thread().unpark();
        });
        events.try_next()
    }

    /// Rings when the time has come, unless it is not needed any more.
    fn ring_at(&self, until: Instant, done: &AtomicBool) {
        while !done.load(Ordering::Acquire) {
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return self.ring(),
                left => thread::park_timeout(left),
            }
        }
    }

    fn ring(&self) {
        // Not between the look at what there is to do and the sleep.
        drop(self.lock());
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

    /// Waits for something to do.
    fn wait(&self, enough: Option<&dyn Fn() -> bool>) {
        let idle = |mailbox: &mut Mailbox| {
            mailbox.jobs.is_empty() && !mailbox.closed && !enough.is_some_and(|enough| enough())
        };
        drop(self.bell.wait_while(self.lock(), idle));
    }

    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        // The mailbox is whole between any two statements that hold the lock.
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
