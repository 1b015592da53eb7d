//! Injection of the usual kind: the built-in image, where it usually goes, into a process that finds the host's
//! files under the names the host gives them.
//!
//! The image is not copied but mapped from the host's own program file, so all processes share its pages. The
//! process does everything itself, by a [`Script`], between two stops.

use std::fs::File;
use std::os::unix::fs::FileExt;

use midstride_tracer_abi::CONTROL_BYTES;

use super::image::{ImageFile, PAGE};
use super::layout::Access;
use super::remote::RemoteError;
use super::script::{Answer, Arg, Ended, Finished, Script};
use super::{Injection, Layout, Place};
use crate::inject::home::PREFERRED;

/// Where in the script's page the paths lie; the code ends before.
const PATHS_AT: usize = 2048;
const PATH_BYTES: usize = 512;

/// The page with the script.
struct Page {
    bytes: Vec<u8>,
    stops_at: u64,
    calls: u64,
}

impl Injection<'_> {
    /// Tries it; `None` when it is not the usual kind, or something failed, with the process as before.
    pub(super) fn place_quickly(&mut self) -> Result<Option<Place>, RemoteError> {
        let pid = self.remote.pid();
        let layout = Layout::at(PREFERRED, self.image);
        let file = self.image.file(layout.image).filter(|file| file.is_seen_by(pid));
        let Some(page) = file.and_then(|file| self.page(layout, file)) else { return Ok(None) };
        if self.filter.is_in_force(pid) || self.remote.map_for_code(layout.boot, layout.bytes()).is_err() {
            return Ok(None);
        }
        let memory = File::options().write(true).open(format!("/proc/{pid}/mem"));
        // The page is not writable; a tracer may write there all the same, unless the kernel is built otherwise.
        let ended = match memory.and_then(|memory| memory.write_all_at(&page.bytes, layout.boot)) {
            Ok(()) => self.remote.run(layout.boot, page.stops_at)?.map(|regs| Ended::of(&regs)),
            Err(_) => None,
        };
        match ended {
            Some(ended) if ended.calls == page.calls => {
                let (control, bootstrap) = (ended.kept, layout.boot + PAGE);
                Ok(Some(Place { layout, control, bootstrap, maps_bytes: 0 }))
            }
            ended => self.undo(layout, ended).map(|()| None),
        }
    }

    /// Takes away what a script that failed has left.
    fn undo(&mut self, layout: Layout, ended: Option<Ended>) -> Result<(), RemoteError> {
        if let Some(fd) = ended.and_then(|ended| ended.open) {
            self.remote.close(fd)?;
        }
        if let Some(control) = ended.map(|ended| ended.kept).filter(|&control| control != 0) {
            self.remote.munmap(control, CONTROL_BYTES)?;
        }
        self.remote.munmap(layout.boot, layout.bytes())
    }

    /// The page with the script and its paths; `None` when they are too long.
    fn page(&self, layout: Layout, file: &ImageFile) -> Option<Page> {
        let mut bytes = vec![0; PAGE as usize];
        let paths = [file.path.as_str(), &self.channel.path()];
        let path_at = |index| layout.boot + (PATHS_AT + index * PATH_BYTES) as u64;
        for (path, room) in paths.iter().zip(bytes[PATHS_AT..].chunks_mut(PATH_BYTES)) {
            // At least one zero stays behind it.
            room[1..].get(..path.len())?;
            room[..path.len()].copy_from_slice(path.as_bytes());
        }
        let mut script = Script::new(&mut bytes[..PATHS_AT], layout.boot);
        self.map_image(&mut script, layout, path_at(0), file.offset);
        map_zeros(&mut script, layout.image + self.image.file_bytes(), layout.end);
        map_zeros(&mut script, layout.boot + PAGE, layout.image);
        map_channel(&mut script, path_at(1));
        let Finished { stops_at, calls } = script.finish().ok()?;
        Some(Page { bytes, stops_at, calls: calls.into() })
    }

    fn map_image(&self, script: &mut Script<'_>, layout: Layout, path: u64, offset: u64) {
        open(script, path, libc::O_RDONLY);
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        let bytes = self.image.file_bytes();
        map(script, [layout.image, bytes], flags, Arg::Opened, offset, Answer::Dropped);
        for part in self.image.parts() {
            let access = match part.access {
                Access::Read => libc::PROT_READ,
                Access::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
            };
            let args = [layout.image + part.start, part.len, access as u64, 0, 0, 0];
            script.call(libc::SYS_mprotect, args.map(Arg::Is), Answer::Dropped);
        }
        close(script);
    }
}

fn map_channel(script: &mut Script<'_>, path: u64) {
    open(script, path, libc::O_RDWR);
    map(script, [0, CONTROL_BYTES], libc::MAP_SHARED, Arg::Opened, 0, Answer::Kept);
    close(script);
}

fn map_zeros(script: &mut Script<'_>, start: u64, end: u64) {
    if start == end {
        return;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    map(script, [start, end - start], flags, Arg::Is(u64::MAX), 0, Answer::Dropped);
}

fn map(script: &mut Script<'_>, [at, len]: [u64; 2], flags: i32, fd: Arg, offset: u64, answer: Answer) {
    let access = (libc::PROT_READ | libc::PROT_WRITE) as u64;
    let [at, len, access, flags, offset] = [at, len, access, flags as u64, offset].map(Arg::Is);
    script.call(libc::SYS_mmap, [at, len, access, flags, fd, offset], answer);
}

fn open(script: &mut Script<'_>, path: u64, flags: i32) {
    let args = [libc::AT_FDCWD as u64, path, (flags | libc::O_CLOEXEC) as u64, 0, 0, 0];
    script.call(libc::SYS_openat, args.map(Arg::Is), Answer::Opened);
}

fn close(script: &mut Script<'_>) {
    let nothing = Arg::Is(0);
    let args = [Arg::Opened, nothing, nothing, nothing, nothing, nothing];
    script.call(libc::SYS_close, args, Answer::Closed);
}
