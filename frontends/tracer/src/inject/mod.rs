//! Putting the runtime into a process that has just called exec.
//!
//! ```text
//! usually   exec stop ─► end of execve ─► mmap ─► a script: openat, mmap…, mprotect…, close ─► detach
//! else      exec stop ─► end of execve ─► mmap, openat, mmap, close ─► write image ─► mprotect… ─► detach
//! ```
//!
//! The target makes the system calls itself, at the `syscall` instruction of its vdso, so none of its pages
//! is changed. Its signals are blocked meanwhile and it is stepped from one system-call stop to the next:
//! a single step would raise SIGTRAP and reset the program's disposition of it. Each stop costs more than
//! the calls themselves, so usually the target makes all but the first by a [script](self::script) between
//! two stops, on a page that the first call maps.

mod auxv;
mod handover;
mod home;
mod image;
mod layout;
mod place;
mod quick;
mod remote;
mod script;

use std::io;

use midstride_tracer_abi::{Bootstrap, CONTROL_BYTES, MAGIC, MAPS_AT, VERSION};

pub(crate) use image::Image;
pub use image::ImageError;

use self::auxv::Auxv;
use self::home::{BOOT_BYTES, PREFERRED};
use self::place::{Maps, executable_lines};
use self::remote::{Remote, RemoteError};
use crate::channel::Channel;
use crate::sys::{self, ChildSignalsHeld, Pid, Regs};

/// `cs` of a 64-bit user thread.
const USER_CS_64: u64 = 0x33;
/// Bytes of a program header in a 64-bit ELF file.
const PROGRAM_HEADER_64: u64 = 56;

/// Why a program was not injected; it then runs natively.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InjectError {
    /// It is a 32-bit (or x32) program.
    #[error("it is a 32-bit program")]
    NotLp64,
    /// It has no vdso to make system calls from.
    #[error("it has no vdso with a system call instruction")]
    NoVdso,
    /// A system call made in it failed.
    #[error("{call} in it failed")]
    Call {
        /// The system call.
        call: &'static str,
        /// Its error.
        source: io::Error,
    },
    /// No room for the runtime in its address space.
    #[error("no {bytes:#x} free bytes in its address space")]
    NoRoom {
        /// Bytes wanted.
        bytes: u64,
    },
    /// It ended meanwhile.
    #[error("it was killed")]
    Gone,
    /// The kernel refused a request about it.
    #[error("the kernel refused a request about it")]
    Kernel(#[from] io::Error),
}

impl From<RemoteError> for InjectError {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Call { call, error } => Self::Call { call, source: error },
            RemoteError::Gone => Self::Gone,
            RemoteError::Kernel(error) => Self::Kernel(error),
        }
    }
}

/// What differs from one injection to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: u32,
    pub(crate) slot: u32,
    pub(crate) parent_slot: u32,
    pub(crate) cache_bytes: u64,
    pub(crate) verbosity: u32,
    pub(crate) torture: u32,
    pub(crate) follow_children: u32,
}

/// Where everything lies in the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Layout {
    boot: u64,
    image: u64,
    end: u64,
}

impl Layout {
    fn at(start: u64, image: &Image) -> Self {
        let image_start = start + BOOT_BYTES;
        Self { boot: start, image: image_start, end: image_start + image.span() }
    }

    fn bytes(&self) -> u64 {
        self.end - self.boot
    }
}

/// A runtime in its place.
#[derive(Clone, Copy)]
struct Place {
    layout: Layout,
    /// Where the control block is mapped.
    control: u64,
    /// Where the bootstrap block goes.
    bootstrap: u64,
    /// Bytes of the list of mappings behind it; 0 when the process finds them in its own `/proc`.
    maps_bytes: u32,
}

/// Whether the kernel asks a filter of the program's about what is done here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    Suspended,
    /// There may be one.
    Possible,
}

impl Filter {
    /// Without the privilege, a filter that forbids what is done here makes the program run natively.
    fn suspend(pid: Pid) -> Self {
        if sys::suspend_seccomp(pid).is_ok() { Self::Suspended } else { Self::Possible }
    }

    fn is_in_force(self, pid: Pid) -> bool {
        let is_unfiltered = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "0"]))
        };
        self == Self::Possible && !is_unfiltered()
    }
}

/// Injects `image` into `pid`, which is attached and stopped at its exec event, and leaves it stopped where
/// it will start with the runtime when it is detached. When it fails, and the process still exists, it is
/// stopped where it will start natively.
///
/// # Errors
/// See [`InjectError`].
pub(crate) fn inject(
    pid: Pid,
    image: &mut Image,
    channel: &Channel,
    settings: &Settings,
) -> Result<(), InjectError> {
    let _quiet = ChildSignalsHeld::new()?;
    let filter = Filter::suspend(pid);
    remote::finish_exec(pid)?;
    let regs = sys::regs(pid)?;
    let auxv = Auxv::read(pid)?;
    if regs.cs != USER_CS_64 || auxv.program_header_bytes != PROGRAM_HEADER_64 {
        return Err(InjectError::NotLp64);
    }
    let syscall_at = auxv.vdso_syscall(pid).ok_or(InjectError::NoVdso)?;
    let remote = Remote::new(pid, regs, syscall_at)?;
    Injection { remote, image, channel, settings, filter, regs }.run()
}

/// An injection under way.
struct Injection<'a> {
    remote: Remote,
    image: &'a mut Image,
    channel: &'a Channel,
    settings: &'a Settings,
    filter: Filter,
    /// The program's registers at its first instruction.
    regs: Regs,
}

impl Injection<'_> {
    fn run(mut self) -> Result<(), InjectError> {
        let placed = self.place();
        let regs = placed.as_ref().map_or(self.regs, |place| self.start_regs(*place));
        self.remote.leave(&regs)?;
        placed.map(drop)
    }

    /// Puts everything in its place; on failure takes it away again.
    fn place(&mut self) -> Result<Place, InjectError> {
        let place = match self.place_quickly()? {
            Some(place) => place,
            None => self.place_by_copying()?,
        };
        let bootstrap = bootstrap(place, self.settings, &self.regs);
        if let Err(error) = sys::write_bootstrap(self.remote.pid(), place.bootstrap, &bootstrap) {
            self.remote.munmap(place.layout.boot, place.layout.bytes())?;
            return Err(error.into());
        }
        Ok(place)
    }

    fn place_by_copying(&mut self) -> Result<Place, InjectError> {
        let layout = self.map_memory()?;
        match self.fill(layout) {
            Ok(control) => {
                let maps_bytes = self.write_maps(layout);
                Ok(Place { layout, control, bootstrap: layout.boot, maps_bytes })
            }
            Err(error) => {
                self.remote.munmap(layout.boot, layout.bytes())?;
                Err(error.into())
            }
        }
    }

    /// Tells a process whose files are not the host's what code it has: where it runs there may be no `/proc`,
    /// or one that it may not read. When that fails it has to look itself.
    fn write_maps(&self, layout: Layout) -> u32 {
        let text = executable_lines(self.remote.pid()).unwrap_or_default();
        let fits = (text.len() as u64) < BOOT_BYTES - MAPS_AT;
        let written = fits && self.remote.write(layout.boot + MAPS_AT, text.as_bytes()).is_ok();
        if written { text.len() as u32 } else { 0 }
    }

    fn map_memory(&mut self) -> Result<Layout, InjectError> {
        let usual = Layout::at(PREFERRED, self.image);
        if self.remote.map_anonymous(usual.boot, usual.bytes()).is_ok() {
            return Ok(usual);
        }
        let bytes = usual.bytes();
        let maps = Maps::read(self.remote.pid())?;
        let start = maps.find_room(bytes).ok_or(InjectError::NoRoom { bytes })?;
        self.remote.map_anonymous(start, bytes)?;
        Ok(Layout::at(start, self.image))
    }

    /// Answers where the control block is mapped.
    fn fill(&mut self, layout: Layout) -> Result<u64, RemoteError> {
        let control = self.map_control(layout)?;
        self.remote.write(layout.image, self.image.relocated(layout.image))?;
        for part in self.image.parts() {
            self.remote.protect(layout.image + part.start, part.len, part.access)?;
        }
        Ok(control)
    }

    /// Maps the control block; the bootstrap block's page is free to use for it.
    fn map_control(&mut self, layout: Layout) -> Result<u64, RemoteError> {
        let path = [self.channel.path().as_bytes(), b"\0"].concat();
        self.remote.write(layout.boot, &path)?;
        let fd = match self.remote.open(layout.boot) {
            Err(RemoteError::Call { .. }) => {
                handover::hand_over(&mut self.remote, layout.boot, self.channel.file())
            }
            opened => opened,
        }?;
        let control = self.remote.map_shared(fd, CONTROL_BYTES);
        self.remote.close(fd)?;
        control
    }

    fn start_regs(&self, place: Place) -> Regs {
        let Place { layout, bootstrap, .. } = place;
        let (rip, rsp, rdi) = (layout.image + self.image.entry(), layout.image, bootstrap);
        Regs { rip, rsp, rdi, orig_rax: u64::MAX, ..self.regs }
    }
}

fn bootstrap(place: Place, settings: &Settings, regs: &Regs) -> Bootstrap {
    let Place { layout, control, maps_bytes, .. } = place;
    Bootstrap {
        magic: MAGIC,
        version: VERSION,
        mode: settings.mode,
        app_rip: regs.rip,
        app_rsp: regs.rsp,
        control,
        slot: settings.slot,
        parent_slot: settings.parent_slot,
        image_start: layout.image,
        image_end: layout.end,
        boot_start: layout.boot,
        boot_end: layout.image,
        cache_bytes: settings.cache_bytes,
        verbosity: settings.verbosity,
        torture: settings.torture,
        follow_children: settings.follow_children,
        maps_bytes,
        app_gprs: [0; 16],
        app_rflags: regs.eflags,
    }
}
