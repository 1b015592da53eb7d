//! One traced run: starting the program and serving everybody until it ends.

use std::ffi::{CString, OsStr};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use midstride_tracer_abi as abi;

use super::attached::{Attached, AttachedSet, Phase};
use super::{Ending, Note, Outcome};
use crate::channel::Channel;
use crate::inject::{Image, ImageError, Settings};
use crate::lookup::{self, StartError};
use crate::options::{Children, Options, Program, Torture};
use crate::report::{Filter, Profile, Programs};
use crate::sys::{self, Pid, ProgramFile};

/// Why a session did not come to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The program was not started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The runtime image is unusable.
    #[error("the runtime image is unusable")]
    Image(#[from] ImageError),
    /// The runtime image cannot be read.
    #[error("{}: cannot read the runtime image", path.display())]
    ImageFile {
        /// Its path.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The shared memory could not be made.
    #[error("cannot make the shared memory")]
    Channel(#[source] io::Error),
    /// The kernel refused something else the host needs.
    #[error("cannot start")]
    Kernel(#[from] io::Error),
}

/// A run of one program and everything it starts.
pub struct Session {
    pub(super) options: Options,
    pub(super) channel: Channel,
    pub(super) image: Image,
    pub(super) attached: AttachedSet,
    pub(super) notes: Vec<Note>,
    /// The executable of each slot that was injected.
    pub(super) programs: Programs,
    /// The process the host started.
    pub(super) main: Pid,
    pub(super) ending: Option<Ending>,
    /// When a program that is still stopped is continued too.
    pub(super) continue_at: Option<Instant>,
}

impl Session {
    /// Prepares a run.
    ///
    /// # Errors
    /// [`SessionError::Image`], [`SessionError::ImageFile`] and [`SessionError::Channel`].
    pub fn new(options: Options) -> Result<Self, SessionError> {
        sys::keep_standard_descriptors()?;
        let image = options.image.as_deref().map_or_else(|| Ok(Image::built_in()), named_image)?;
        let channel = Channel::create().map_err(SessionError::Channel)?;
        Ok(Self {
            options,
            channel,
            image,
            attached: AttachedSet::default(),
            notes: Vec::new(),
            programs: Programs::new(),
            main: 0,
            ending: None,
            continue_at: None,
        })
    }

    /// Runs `program` to its end; processes that outlive it go on, but what they execute from then on runs
    /// natively. Takes over the process's signal handling; only for a process with one thread.
    ///
    /// # Errors
    /// [`SessionError::Start`] when it cannot be started, [`SessionError::Kernel`].
    pub fn run(&mut self, program: &Program) -> Result<Outcome, SessionError> {
        self.settle_cache_size();
        let path = lookup::find(&program.name)?;
        check_proc()?;
        let (started, used_before) = (Instant::now(), sys::tree_times());
        let mut child = sys::spawn_held(program_file(&path, program)?)?;
        sys::catch_signals(self.channel.control_map())?;
        self.main = child.pid;
        self.adopt(child.pid, &path)?;
        child.release()?;
        let ending = self.serve();
        self.close();
        if ending == Ending::Exited(127)
            && let Some(error) = child.exec_error()
        {
            return Err(lookup::explain(path, error).into());
        }
        let times = sys::tree_times().since(used_before);
        Ok(Outcome {
            ending,
            pid: self.main as u32,
            wall: started.elapsed(),
            user: times.user,
            system: times.system,
            notes: std::mem::take(&mut self.notes),
        })
    }

    fn settle_cache_size(&mut self) {
        let asked = self.options.cache_bytes;
        let used = asked.clamp(abi::CACHE_BYTES_MIN, abi::CACHE_BYTES_MAX);
        if asked != 0 && used != asked {
            self.options.cache_bytes = used;
            self.note(Note::CacheSize { asked, used });
        }
    }

    /// What was recorded so far, without the modules that `filter` keeps out.
    ///
    /// # Errors
    /// The kernel's while reading.
    pub fn profile(&self, filter: Filter) -> io::Result<Profile> {
        let slots = self.channel.slots_used();
        Profile::read(self.channel.file(), slots, self.options.mode, filter, &self.programs)
    }

    /// Attaches to the held child, unless its program must run natively.
    fn adopt(&mut self, pid: Pid, path: &Path) -> Result<(), StartError> {
        if lookup::gains_privileges(path) {
            self.note(Note::Privileged { pid: pid as u32 });
            return Ok(());
        }
        sys::attach(pid).map_err(|source| StartError::NoPtrace { source })?;
        let phase = Phase::Exec;
        self.attached.insert(Attached {
            tid: pid,
            pid,
            own_pid: pid as u32,
            request: None,
            parent_slot: u32::MAX,
            phase,
        });
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

    /// Remembers what the user should know, and says it at once with `-v`.
    pub(super) fn note(&mut self, note: Note) {
        // A search along a path tries many execs.
        if self.notes.last().is_some_and(|last| last.to_string() == note.to_string()) {
            return;
        }
        if self.options.verbosity > 0 {
            // Nothing can be said when nobody listens.
            drop(writeln!(io::stderr(), "midtrace: {note}"));
        }
        self.notes.push(note);
    }

    pub(super) fn settings(&self, slot: u32, parent_slot: u32) -> Settings {
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

/// The runtime image in a file.
fn named_image(path: &Path) -> Result<Image, SessionError> {
    let unread = |source| SessionError::ImageFile { path: path.to_owned(), source };
    let mut image = Image::parse(&std::fs::read(path).map_err(unread)?)?;
    image.share().map_err(SessionError::Channel)?;
    Ok(image)
}

/// The kernel's files about processes must be those of the host's own pid namespace.
fn check_proc() -> Result<(), StartError> {
    let me = std::fs::read_link("/proc/self").unwrap_or_default();
    if me.as_os_str() == std::process::id().to_string().as_str() {
        Ok(())
    } else {
        Err(StartError::ForeignProc)
    }
}

fn program_file(path: &Path, program: &Program) -> Result<ProgramFile, StartError> {
    let c_string = |text: &OsStr| CString::new(text.as_bytes()).map_err(|_| StartError::ZeroByte);
    let args = std::iter::once(&program.name).chain(&program.args);
    Ok(ProgramFile {
        path: c_string(path.as_os_str())?,
        args: args.map(|arg| c_string(arg)).collect::<Result<_, _>>()?,
    })
}
