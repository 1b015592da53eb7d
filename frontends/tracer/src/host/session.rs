//! One traced run.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use midstride_tracer_abi::{Control, Request, kind, state};

use super::attached::{Attached, AttachedSet, Phase};
use super::{Ending, Note, Outcome};
use crate::channel::Channel;
use crate::inject::{self, Image, ImageError, Settings};
use crate::lookup::{self, StartError};
use crate::options::{Children, Options, Program, Torture};
use crate::report::{Filter, Profile};
use crate::sys::{self, Change, Delivery, Pending, Pid, ProgramFile, Stop};

/// The runtime built with this crate.
static RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runtime.elf"));
/// How long after the host continues the program is given to continue by itself.
const CONTINUE_GRACE: Duration = Duration::from_millis(20);

/// Why a session did not come to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The program was not started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The runtime image is unusable.
    #[error("the runtime image is unusable: {0}")]
    Image(#[from] ImageError),
    /// The runtime image cannot be read.
    #[error("{}: cannot read the runtime image: {error}", path.display())]
    ImageFile {
        /// Its path.
        path: PathBuf,
        /// The kernel's answer.
        error: io::Error,
    },
    /// The shared memory could not be made.
    #[error("cannot make the shared memory: {0}")]
    Channel(io::Error),
    /// The kernel refused something else the host needs.
    #[error("cannot start: {0}")]
    Kernel(#[from] io::Error),
}

/// A run of one program and everything it starts.
pub struct Session {
    options: Options,
    channel: Channel,
    image: Image,
    attached: AttachedSet,
    notes: Vec<Note>,
    main: Pid,
    ending: Option<Ending>,
    /// When a program that is still stopped is continued too.
    continue_at: Option<Instant>,
}

impl Session {
    /// Prepares a run.
    ///
    /// # Errors
    /// [`SessionError::Image`], [`SessionError::ImageFile`] and [`SessionError::Channel`].
    pub fn new(options: Options) -> Result<Self, SessionError> {
        let image = match &options.image {
            None => Image::parse(RUNTIME)?,
            Some(path) => {
                let file = std::fs::read(path)
                    .map_err(|error| SessionError::ImageFile { path: path.clone(), error })?;
                Image::parse(&file)?
            }
        };
        sys::keep_standard_descriptors()?;
        let channel = Channel::create().map_err(SessionError::Channel)?;
        Ok(Self {
            options,
            channel,
            image,
            attached: AttachedSet::default(),
            notes: Vec::new(),
            main: 0,
            ending: None,
            continue_at: None,
        })
    }

    /// Runs `program` to its end. Takes over the process's signal handling; only for a process with one
    /// thread.
    ///
    /// # Errors
    /// [`SessionError::Start`] when it cannot be started, [`SessionError::Kernel`].
    pub fn run(&mut self, program: &Program) -> Result<Outcome, SessionError> {
        let path = lookup::find(&program.name)?;
        let started = Instant::now();
        let mut child = sys::spawn_held(&program_file(&path, program)?)?;
        sys::catch_signals(self.channel.control_map())?;
        self.main = child.pid;
        self.adopt(child.pid, &path)?;
        child.release()?;
        let ending = self.serve();
        if ending == Ending::Exited(127)
            && let Some(error) = child.exec_error()
        {
            return Err(lookup::explain(path, error).into());
        }
        let times = sys::tree_times();
        Ok(Outcome {
            ending,
            pid: self.main as u32,
            wall: started.elapsed(),
            user: times.user,
            system: times.system,
            notes: std::mem::take(&mut self.notes),
        })
    }

    /// What was recorded so far, without the modules that `filter` keeps out.
    ///
    /// # Errors
    /// The kernel's while reading.
    pub fn profile(&self, filter: Filter) -> io::Result<Profile> {
        Profile::read(self.channel.file(), self.channel.slots_used(), self.options.mode, filter)
    }

    /// Attaches to the held child, unless its program must run natively.
    fn adopt(&mut self, pid: Pid, path: &std::path::Path) -> Result<(), StartError> {
        if lookup::gains_privileges(path) {
            self.note(Note::Privileged { pid: pid as u32 });
            return Ok(());
        }
        sys::attach(pid).map_err(|error| StartError::NoPtrace { error })?;
        let phase = Phase::Exec;
        self.attached.insert(Attached { tid: pid, pid, request: None, parent_slot: u32::MAX, phase });
        Ok(())
    }

    /// Serves everybody until the program ends.
    fn serve(&mut self) -> Ending {
        let control = self.channel.control();
        loop {
            let heard = control.doorbell.load(Ordering::Acquire);
            while let Some((pid, change)) = sys::poll_any() {
                self.changed(pid, change);
            }
            if let Some(ending) = self.ending {
                return ending;
            }
            for pending in sys::take_pending() {
                self.pass_on(pending);
            }
            self.serve_requests(control);
            let timeout = self.continue_late();
            sys::futex_wait(&control.doorbell, heard, timeout);
        }
    }

    fn note(&mut self, note: Note) {
        if self.options.verbosity > 0 {
            eprintln!("midtrace: {note}");
        }
        self.notes.push(note);
    }

    fn settings(&self, slot: u32, parent_slot: u32) -> Settings {
        Settings {
            mode: self.options.mode.code(),
            slot,
            parent_slot,
            cache_bytes: self.options.cache_bytes,
            verbosity: self.options.verbosity,
            torture: u32::from(self.options.torture == Torture::On),
            follow_children: u32::from(self.options.children == Children::Follow),
        }
    }
}

/// Changes of processes.
impl Session {
    fn changed(&mut self, pid: Pid, change: Change) {
        if let Change::Stopped(stop) = change
            && let Some(thread) = self.attached.get(pid)
        {
            return self.stopped(thread, stop);
        }
        match change {
            // The requesting thread has become the process; its own id is in the message.
            Change::Stopped(Stop::Exec) => self.executed(pid),
            Change::Stopped(_) if pid == self.main => self.stop_with_program(),
            Change::Exited(status) => self.ended(pid, Ending::Exited(status)),
            Change::Killed { signal, .. } => self.ended(pid, Ending::Killed(signal)),
            Change::Stopped(_) | Change::Continued => {}
        }
    }

    fn stopped(&mut self, thread: Attached, stop: Stop) {
        match (stop, thread.phase) {
            (Stop::Exec, _) => self.executed(thread.pid),
            (Stop::Group { .. }, Phase::Interrupt) => self.let_go(thread.tid, 0),
            (Stop::Signal(signal), Phase::Interrupt) => self.let_go(thread.tid, signal),
            (Stop::Signal(signal), Phase::Exec) => drop(sys::cont(thread.tid, signal)),
            (Stop::Group { signal: libc::SIGTRAP }, Phase::Exec) => drop(sys::cont(thread.tid, 0)),
            (Stop::Group { .. }, Phase::Exec) => {
                drop(sys::listen(thread.tid));
                if thread.pid == self.main {
                    self.stop_with_program();
                }
            }
            (Stop::Syscall, _) => drop(sys::cont(thread.tid, 0)),
        }
    }

    /// A process is stopped at a successful exec.
    fn executed(&mut self, pid: Pid) {
        let former = sys::event_message(pid).unwrap_or(pid as u64);
        let gone = self.attached.remove_process(pid);
        gone.iter().for_each(|thread| self.free(thread));
        if let Some(thread) = gone.iter().find(|thread| thread.tid as u64 == former) {
            self.inject(pid, thread.parent_slot);
        }
        // Failure means that it is gone.
        drop(sys::detach(pid, 0));
    }

    fn inject(&mut self, pid: Pid, parent_slot: u32) {
        let Some(slot) = self.channel.take_slot() else {
            return self.note(Note::NoSlot { pid: pid as u32 });
        };
        let settings = self.settings(slot, parent_slot);
        match inject::inject(pid, &mut self.image, &self.channel.path(), &settings) {
            Ok(()) | Err(inject::InjectError::Gone) => {}
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

    fn free(&self, thread: &Attached) {
        if let Some(index) = thread.request {
            answer(&self.channel.control().requests[index], state::FREE);
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

/// Requests from the runtimes.
impl Session {
    fn serve_requests(&mut self, control: &Control) {
        for (index, request) in control.requests.iter().enumerate() {
            match request.state.load(Ordering::Acquire) {
                state::POSTED => self.serve_posted(index, request),
                state::CANCELLED => self.serve_cancelled(index, request),
                _ => {}
            }
        }
    }

    fn serve_posted(&mut self, index: usize, request: &Request) {
        request.state.store(state::TAKEN, Ordering::Release);
        let (pid, tid) =
            (request.pid.load(Ordering::Relaxed) as Pid, request.tid.load(Ordering::Relaxed) as Pid);
        let parent_slot = request.slot.load(Ordering::Relaxed);
        let attached = match request.kind.load(Ordering::Relaxed) {
            kind::EXEC if pid > 0 && tid > 0 => sys::attach(tid),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        if attached.is_err() {
            let tracer = tracer_of(tid);
            self.note(Note::NotAttached { pid: pid as u32, tracer });
            return answer(request, state::REFUSED);
        }
        let phase = Phase::Exec;
        self.attached.insert(Attached { tid, pid, request: Some(index), parent_slot, phase });
        answer(request, state::READY);
    }

    fn serve_cancelled(&mut self, index: usize, request: &Request) {
        match self.attached.with_request(index) {
            Some(thread) if thread.phase == Phase::Interrupt => {}
            Some(thread) => {
                thread.phase = Phase::Interrupt;
                drop(sys::interrupt(thread.tid));
            }
            None => answer(request, state::FREE),
        }
    }
}

/// Signals and job control.
impl Session {
    fn pass_on(&mut self, pending: Pending) {
        const QUIET: [i32; 3] = [libc::SIGCHLD, libc::SIGTSTP, libc::SIGCONT];
        if pending.from == Delivery::Process && !QUIET.contains(&pending.signal) {
            // Failure means that the program is gone, which is seen next.
            drop(sys::send_signal(self.main, pending.signal));
        }
    }

    /// The program stopped: so does the host, that the shell may see it.
    fn stop_with_program(&mut self) {
        sys::stop_self();
        self.continue_at = Some(Instant::now() + CONTINUE_GRACE);
    }

    /// A shell continues the whole group; somebody who continued the host alone meant the program. Answers
    /// how long the host may sleep.
    fn continue_late(&mut self) -> Option<Duration> {
        let left = self.continue_at?.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        self.continue_at = None;
        if stat_letter(self.main) == Some(b'T') {
            drop(sys::send_signal(self.main, libc::SIGCONT));
        }
        None
    }
}

/// Hands a request over to its runtime.
fn answer(request: &Request, value: u32) {
    request.state.store(value, Ordering::Release);
    sys::futex_wake(&request.state);
}

fn program_file(path: &std::path::Path, program: &Program) -> Result<ProgramFile, StartError> {
    let c_string = |text: &OsStr| CString::new(text.as_bytes()).map_err(|_| StartError::ZeroByte);
    let args = std::iter::once(&program.name).chain(&program.args);
    Ok(ProgramFile {
        path: c_string(path.as_os_str())?,
        args: args.map(|arg| c_string(arg)).collect::<Result<_, _>>()?,
    })
}

fn tracer_of(tid: Pid) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// The state letter of a process as in `ps`.
fn stat_letter(pid: Pid) -> Option<u8> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(after_name + 2).copied()
}
