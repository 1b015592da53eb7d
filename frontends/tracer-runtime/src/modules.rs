//! Which files the program's code comes from.

use core::fmt::Write;

use midstride_addr::{AppPc, AppRange};
use midstride_engine::{Engine, Writes};
use midstride_os::file::{AT_FDCWD, O_CLOEXEC, O_RDONLY, close, openat, read, readlinkat};
use midstride_os::maps::{MapEntries, MapEntry, Sharing};
use midstride_os::mem::Prot;
use midstride_tracer_abi::Bootstrap;

use crate::tracer::Tracer;

/// Bytes of a path that are reported.
pub(crate) const PATH_BYTES: usize = 1024;

/// Looks through the mappings that the kernel made for the program: those that the host lists, or the process's
/// own list when it gave none.
pub(crate) fn find_initial(engine: &Engine<Tracer>, boot: &Bootstrap, given: &[u8]) {
    match given {
        [] => read_list(engine, boot),
        given => MapEntries::new(given).for_each(|entry| note(engine, boot, &entry)),
    }
}

/// The descriptor this takes is closed before the program's first instruction.
fn read_list(engine: &Engine<Tracer>, boot: &Bootstrap) {
    let Ok(fd) = openat(AT_FDCWD, c"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0) else {
        midstride_engine::fatal::fail(format_args!("/proc/self/maps cannot be read; is /proc mounted?"));
    };
    let mut buffer = [0; 8192];
    let mut filled = 0;
    while let Ok(bytes @ 1..) = read(fd, &mut buffer[filled..]) {
        filled += bytes;
        let mut entries = MapEntries::new(&buffer[..filled]);
        for entry in entries.by_ref() {
            note(engine, boot, &entry);
        }
        let rest = entries.rest().len();
        buffer.copy_within(filled - rest..filled, 0);
        filled = rest;
    }
    let _ = close(fd);
}

/// Bytes of the mapping at the top of the address space that the kernel emulates.
const VSYSCALL: u64 = 0xffff_ffff_ff60_0000;

fn note(engine: &Engine<Tracer>, boot: &Bootstrap, entry: &MapEntry<'_>) {
    let ours = (boot.boot_start..boot.image_end).contains(&entry.start);
    if !entry.prot.contains(Prot::EXEC) || ours || entry.start >= VSYSCALL || is_engine(engine, entry) {
        return;
    }
    let range = AppRange::new(AppPc::new(entry.start), AppPc::new(entry.end));
    let writes = match entry.sharing {
        Sharing::Shared => Writes::Elsewhere,
        Sharing::Private if entry.prot.contains(Prot::WRITE) => Writes::Here,
        Sharing::Private => Writes::No,
    };
    engine.with_shared(|shared| shared.code.insert(range, writes));
    engine.policy.module(range, entry.offset, entry.path);
}

/// The gate is executable and no program's.
fn is_engine(engine: &Engine<Tracer>, entry: &MapEntry<'_>) -> bool {
    let gate = engine.gate().all;
    entry.start <= gate.start().get() && gate.start().get() < entry.end
}

/// The path behind a descriptor of the program's.
pub(crate) fn path_of(fd: i32, buffer: &mut [u8; PATH_BYTES]) -> &[u8] {
    let mut name = Name { bytes: [0; 32], len: 0 };
    let _ = write!(name, "/proc/self/fd/{fd}\0");
    let Ok(path) = core::ffi::CStr::from_bytes_until_nul(&name.bytes) else { return &[] };
    match readlinkat(AT_FDCWD, path, buffer) {
        Ok(bytes) => &buffer[..bytes],
        Err(_) => &[],
    }
}

/// A short text on the stack.
struct Name {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(core::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
