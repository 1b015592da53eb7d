//! Pages for code: the Linux side of `midstride-slab`.
//!
//! No descriptor is ever open. An anonymous shared mapping is one object; `mremap` with an old size
//! of 0 makes a second view of it (mremap(2), "If the value of old_size is zero"); one view is then
//! made executable, the other stays writable.

use midstride_slab::{Mapping, PageError, PageSource};

use crate::errno::Errno;
use crate::mem::{self, Backing, MapFlags, Prot, RemapFlags};

/// Pages from Linux.
///
/// In `/proc/self/maps` code memory shows as `/dev/zero (deleted)`, twice. A security policy that
/// forbids executable anonymous memory makes [`map_code`](PageSource::map_code) fail with `EACCES`.
/// In a process with the personality `READ_IMPLIES_EXEC` (`setarch -X`) the kernel makes all readable
/// memory executable, the writable view included.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinuxPages;

/// A `'static` one, as regions want it.
pub static LINUX_PAGES: LinuxPages = LinuxPages;

const READ_WRITE: Prot = Prot::READ.union(Prot::WRITE);
const READ_EXEC: Prot = Prot::READ.union(Prot::EXEC);

fn refused(address: u64, bytes: u64, errno: Errno) -> PageError {
    PageError::Refused { address, bytes, errno: errno.get() }
}

/// Maps anonymous memory.
///
/// # Safety
/// As for [`mem::mmap`].
unsafe fn anonymous(address: u64, bytes: u64, prot: Prot, flags: MapFlags) -> Result<u64, PageError> {
    let flags = flags | MapFlags::NORESERVE;
    // SAFETY: the caller's contract.
    let mapped =
        unsafe { mem::mmap(address, bytes, prot, flags, Backing::Anonymous) }.map_err(|errno| match errno {
            Errno::EEXIST => PageError::Taken { address, bytes },
            errno => refused(address, bytes, errno),
        });
    if let Ok(at) = mapped {
        // A core of the program holds the program; views made of this mapping inherit it.
        // SAFETY: what was just mapped; only core dumps change.
        let _ = unsafe { mem::madvise(at, bytes, mem::Advice::DontDump) };
    }
    mapped
}

/// Gives pages back. It can only fail for want of a mapping record, when a mapping is split; the
/// pages then stay, which harms nobody.
///
/// # Safety
/// Nothing uses them.
unsafe fn release(address: u64, bytes: u64) {
    // SAFETY: the caller's contract.
    let _ = unsafe { mem::munmap(address, bytes) };
}

/// Lets `at` show the shared object behind `object` too, executable.
///
/// # Safety
/// `at` is the caller's to replace, with `bytes`; `object` is a shared mapping of that size.
unsafe fn show_executable(object: u64, at: u64, bytes: u64) -> Result<(), Errno> {
    let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
    // SAFETY: old size 0 leaves the object's mapping alone; `at` is the caller's.
    unsafe { mem::mremap(object, 0, bytes, flags, at) }?;
    // SAFETY: `at` was mapped just now and is used by nobody.
    unsafe { mem::mprotect(at, bytes, READ_EXEC) }
}

// SAFETY: anonymous mappings are zero, page aligned, readable and writable as asked, and the kernel
// keeps them apart from everything else; the view at `address` of code memory is made RX before
// anybody is told of it, and only the other one is writable.
unsafe impl PageSource for LinuxPages {
    fn reserve_at(&self, address: u64, bytes: u64) -> Result<(), PageError> {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
        // SAFETY: NOREPLACE never replaces anything.
        let got = unsafe { anonymous(address, bytes, Prot::NONE, flags) }?;
        if got != address {
            // A kernel before 4.17 took the address for a hint.
            // SAFETY: mapped just now, unused.
            unsafe { release(got, bytes) };
            return Err(PageError::Taken { address, bytes });
        }
        Ok(())
    }

    unsafe fn map_code(&self, address: u64, bytes: u64) -> Result<Mapping, PageError> {
        let Mapping { address: alias, .. } = self.new_copy(bytes)?;
        // SAFETY: the caller reserved the range; `alias` is shared.
        let shown = unsafe { show_executable(alias, address, bytes) };
        if let Err(errno) = shown {
            // SAFETY: nobody was told of it.
            unsafe { release(alias, bytes) };
            return Err(refused(address, bytes, errno));
        }
        Ok(Mapping { address, alias, bytes })
    }

    unsafe fn map_data(&self, address: u64, bytes: u64) -> Result<Mapping, PageError> {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: the caller reserved the range and may replace it.
        let at = unsafe { anonymous(address, bytes, READ_WRITE, flags) }?;
        Ok(Mapping::plain(at, bytes))
    }

    fn new_copy(&self, bytes: u64) -> Result<Mapping, PageError> {
        // SAFETY: the kernel chooses a free place.
        let at = unsafe { anonymous(0, bytes, READ_WRITE, MapFlags::SHARED) }?;
        Ok(Mapping::plain(at, bytes))
    }

    unsafe fn adopt_copy(&self, copy: Mapping, code: Mapping) -> Result<(), PageError> {
        let failed = |errno| refused(code.address, code.bytes, errno);
        // SAFETY: nobody runs the code meanwhile, says the caller; `copy` is shared.
        unsafe { show_executable(copy.address, code.address, code.bytes) }.map_err(failed)?;
        let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
        // SAFETY: nobody uses the alias meanwhile, says the caller; `copy` moves there.
        unsafe { mem::mremap(copy.address, copy.bytes, copy.bytes, flags, code.alias) }
            .map(drop)
            .map_err(failed)
    }

    unsafe fn unmap(&self, mapping: Mapping) {
        // SAFETY: nothing uses it, says the caller.
        unsafe { release(mapping.address, mapping.bytes) };
        if mapping.alias != mapping.address {
            // SAFETY: as above.
            unsafe { release(mapping.alias, mapping.bytes) };
        }
    }
}
