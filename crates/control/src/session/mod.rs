//! A controller: a thread that owns a machine, and the orders it gets.

mod bound;
mod engine;
mod port;

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use midstride_os::Errno;

use crate::condition::Condition;
use crate::controller::{Affinity, Backend, Capture, Controller, Edit, State, Steps, Syscalls, Visit};
use crate::error::{ControlError, LoadError, StartError};
use crate::event::{Event, Events};
use crate::local;
use crate::machine::{Call, Machine};
use crate::point::CodePoint;
use crate::process;
use crate::program::{InsnId, Program};
use bound::Bound;
use engine::Engine;
use port::Port;

/// What a controller is started with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Bytes of the program's stack, rounded up to pages. rsp starts near its end.
    pub stack_bytes: u64,
    /// What is done about system calls.
    pub syscalls: Syscalls,
    /// How single instructions are carried out by [`Backend::Signal`].
    pub steps: Steps,
    /// Which processors the task of [`Backend::Ptrace`] runs on.
    pub affinity: Affinity,
    /// How long an order waits for a program that does not let itself be stopped.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stack_bytes: 1 << 20,
            syscalls: Syscalls::Stop,
            steps: Steps::Flag,
            affinity: Affinity::Together,
            patience: Duration::from_secs(5),
        }
    }
}

/// A controller, with a thread of its own or for the thread that started it. Dropping it stops the program.
///
/// ```
/// use std::time::Duration;
///
/// use midstride_control::{Backend, Controller, Event, InsnId, Options, Program, Session};
///
/// // mov eax, 7; imul eax, eax
/// let program = Program::from_code(&[0xb8, 7, 0, 0, 0, 0x0f, 0xaf, 0xc0], Default::default());
/// // SAFETY: the program below changes one register.
/// let session = unsafe { Session::start(Backend::Translated, Options::default()) }?;
/// session.load(program)?;
/// session.run(InsnId::new(0))?;
/// assert!(matches!(session.wait(Duration::from_secs(9)), Some(Event::Exit(_))));
/// assert_eq!(session.state()?.registers.gpr.rax, 49);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    port: Arc<Port>,
    place: Place,
    events: Events,
    backend: Backend,
    patience: Duration,
}

/// Where programs run.
enum Place {
    /// In a thread that tells when it ends.
    Thread(Mutex<Receiver<()>>),
    /// In the thread that started the session.
    Here(Bound<Engine>),
}

/// A machine and the way to call it.
pub(crate) type Parts = (Box<dyn Machine>, Arc<dyn Call>);

impl Session {
    /// Starts a thread that controls programs as `backend` does.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Safety
    /// With [`Backend::Signal`] and [`Backend::Translated`] programs run in this process: whoever gives orders
    /// answers for what they do to its memory, as for any foreign function.
    pub unsafe fn start(backend: Backend, options: Options) -> Result<Self, StartError> {
        let (port, events) = (Arc::new(Port::default()), Events::default());
        let (started, start) = mpsc::sync_channel(1);
        let (ending, ended) = mpsc::sync_channel::<()>(1);
        let theirs = (Arc::clone(&port), events.clone());
        let operate = move || {
            let _ending = ending;
            operate(backend, &options, theirs, &started);
        };
        let failed = StartError::System { call: "clone", errno: Errno::EAGAIN };
        let name = format!("midstride {}", backend.name());
        thread::Builder::new().name(name).spawn(operate).map_err(|_| failed)?;
        start.recv().unwrap_or(Err(failed))?;
        let place = Place::Thread(Mutex::new(ended));
        Ok(Self { port, place, events, backend, patience: options.patience })
    }

    /// A controller for programs that run in the calling thread. They do so while it [waits](Controller::wait)
    /// for an event; in between, orders of other threads are not carried out. [`Options::affinity`] binds the
    /// calling thread.
    ///
    /// When it is dropped in another thread, what it holds is never given back.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use midstride_control::{Backend, Controller, Event, InsnId, Options, Program, Session};
    ///
    /// // jmp to itself
    /// let program = Program::from_code(&[0xeb, 0xfe], Default::default());
    /// // SAFETY: the program below changes nothing.
    /// let session = unsafe { Session::here(Backend::Signal, Options::default()) }?;
    /// session.load(program)?;
    /// session.run(InsnId::new(0))?;
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| session.interrupt());
    ///     assert!(matches!(session.wait(Duration::from_secs(60)), Some(Event::Stopped { .. })));
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Safety
    /// As for [`start`](Self::start).
    pub unsafe fn here(backend: Backend, options: Options) -> Result<Self, StartError> {
        let (port, events) = (Arc::new(Port::default()), Events::default());
        let (machine, call) = machine(backend, &options)?;
        port.connect(call);
        let place = Place::Here(Bound::new(Engine::new(machine, events.clone())));
        Ok(Self { port, place, events, backend, patience: options.patience })
    }

    /// Has `order` carried out where programs run and waits for what comes of it.
    fn ask<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Engine) -> R + Send + 'static,
    ) -> Result<R, ControlError> {
        match &self.place {
            Place::Here(engine) if engine.is_here() => {
                // In use while it calls the visitor of a trace.
                let mut engine = engine.get().ok_or(ControlError::Running)?;
                Ok(order(&mut engine))
            }
            _ => self.send(order),
        }
    }

    fn send<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Engine) -> R + Send + 'static,
    ) -> Result<R, ControlError> {
        let (reply, answer) = mpsc::sync_channel(1);
        // Nobody waits any more for an answer that comes too late.
        let job = Box::new(move |engine: &mut Engine| drop(reply.send(order(engine))));
        self.port.push(job)?;
        answer.recv_timeout(self.patience).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => ControlError::NoAnswer { waited: self.patience },
            mpsc::RecvTimeoutError::Disconnected => ControlError::Closed,
        })
    }
}

/// What the thread of a session does.
fn operate(
    backend: Backend,
    options: &Options,
    (port, events): (Arc<Port>, Events),
    started: &SyncSender<Result<(), StartError>>,
) {
    // Whoever waits for the start may be gone; the port is closed then.
    match machine(backend, options) {
        Ok((machine, call)) => {
            port.connect(call);
            let _ = started.send(Ok(()));
            let mut engine = Engine::new(machine, events.clone());
            engine.sit();
            port.serve(&mut engine, None);
        }
        Err(error) => drop(started.send(Err(error))),
    }
    port.close();
    events.close();
}

fn machine(backend: Backend, options: &Options) -> Result<Parts, StartError> {
    match backend {
        Backend::Translated => local::translated(options),
        Backend::Ptrace => process::start(options),
        Backend::Signal => local::signal(options),
    }
}

impl Controller for Session {
    fn backend(&self) -> Backend {
        self.backend
    }

    fn load(&self, program: Program) -> Result<(), LoadError> {
        self.ask(move |engine| engine.load(&program))?
    }

    fn run(&self, from: InsnId) -> Result<(), ControlError> {
        self.ask(move |engine| engine.run_from(from))?
    }

    fn resume(&self) -> Result<(), ControlError> {
        self.ask(|engine| engine.resume(None, None))?
    }

    fn step(&self, count: u64) -> Result<(), ControlError> {
        self.ask(move |engine| engine.resume(Some(count), None))?
    }

    fn trace(&self, count: u64, capture: Capture, visit: Visit) -> Result<(), ControlError> {
        self.ask(move |engine| engine.resume(Some(count), Some((capture, visit))))?
    }

    fn interrupt(&self) -> Result<(), ControlError> {
        self.ask(Engine::interrupt)
    }

    fn cancel(&self) -> Result<(), ControlError> {
        self.ask(Engine::cancel)
    }

    fn state(&self) -> Result<State, ControlError> {
        self.ask(Engine::state)
    }

    fn change(&self, edit: Edit) -> Result<(), ControlError> {
        self.ask(move |engine| engine.change(edit))?
    }

    fn set_break(&self, at: InsnId, condition: Option<Condition>) -> Result<(), ControlError> {
        self.ask(move |engine| engine.set_break(at, condition))
    }

    fn clear_break(&self, at: InsnId) -> Result<(), ControlError> {
        self.ask(move |engine| engine.clear_break(at))
    }

    fn address_of(&self, point: CodePoint) -> Result<Option<u64>, ControlError> {
        self.ask(move |engine| engine.address_of(point))
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), ControlError> {
        let wanted = bytes.len();
        let read = self.ask(move |engine| engine.read(address, wanted))?;
        bytes[..read.len()].copy_from_slice(&read);
        whole(address, read.len(), wanted)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), ControlError> {
        let own = bytes.to_vec();
        let done = self.ask(move |engine| engine.write(address, &own))?;
        whole(address, done, bytes.len())
    }

    fn events(&self) -> &Events {
        &self.events
    }

    fn wait(&self, timeout: Duration) -> Option<Event> {
        let Place::Here(engine) = &self.place else { return self.events.next_within(timeout) };
        match engine.get() {
            Some(mut engine) => self.port.drive(&mut engine, &self.events, timeout),
            None => self.events.next_within(timeout),
        }
    }
}

fn whole(address: u64, done: usize, wanted: usize) -> Result<(), ControlError> {
    if done == wanted { Ok(()) } else { Err(ControlError::Memory { address, done }) }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.port.close();
        if let Place::Thread(ended) = &mut self.place {
            let ended = ended.get_mut().unwrap_or_else(PoisonError::into_inner);
            // A program that does not let itself be stopped keeps its thread, its memory and its handlers.
            let _ = ended.recv_timeout(self.patience);
        }
    }
}

impl core::fmt::Debug for Session {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session").field("backend", &self.backend).finish_non_exhaustive()
    }
}
