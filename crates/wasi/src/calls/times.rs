//! `*_filestat_set_times`

use std::time::Duration;

use cap_fs_ext::{DirExt, SystemTimeSpec};
use cap_std::time::SystemTime;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

use crate::abi::{Rights, SetTimes};
use crate::call::{Call, Done};
use crate::calls::path::follows;
use crate::errno::Errno;
use crate::object::Object;

/// What to do with a file's time.
#[derive(Clone, Copy)]
enum Change {
    Leave,
    Now,
    /// Nanoseconds since 1970.
    To(u64),
}

impl Change {
    fn timespec(self) -> Timespec {
        match self {
            Self::Leave => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            Self::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            Self::To(time) => Timespec {
                tv_sec: (time / 1_000_000_000).cast_signed(),
                tv_nsec: (time % 1_000_000_000).cast_signed(),
            },
        }
    }

    fn spec(self) -> Option<SystemTimeSpec> {
        match self {
            Self::Leave => None,
            Self::Now => Some(SystemTimeSpec::SymbolicNow),
            Self::To(time) => {
                let epoch = SystemTime::from_std(std::time::UNIX_EPOCH);
                Some(SystemTimeSpec::Absolute(epoch + Duration::from_nanos(time)))
            }
        }
    }
}

/// Accessed and modified, from the arguments at `index`: two times and the flags that say which count.
fn changes(call: &Call<'_>, index: usize) -> Result<[Change; 2], Errno> {
    let flags = call.flags(index + 2, SetTimes::from_bits)?;
    let change = |to, now, index| match (flags.contains(to), flags.contains(now)) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(Change::To(call.u64(index))),
        (false, true) => Ok(Change::Now),
        (false, false) => Ok(Change::Leave),
    };
    Ok([
        change(SetTimes::ACCESSED, SetTimes::ACCESSED_NOW, index)?,
        change(SetTimes::MODIFIED, SetTimes::MODIFIED_NOW, index + 1)?,
    ])
}

pub(crate) fn of_descriptor(call: &mut Call<'_>) -> Done {
    let [accessed, modified] = changes(call, 1)?;
    match &call.wasi.table.with(call.u32(0), Rights::FD_FILESTAT_SET_TIMES)?.object {
        Object::Directory(directory) => Ok(directory.dir.set_times(".", accessed.spec(), modified.spec())?),
        object => {
            let times =
                Timestamps { last_access: accessed.timespec(), last_modification: modified.timespec() };
            Ok(futimens(object.regular()?, &times)?)
        }
    }
}

pub(crate) fn of_path(call: &mut Call<'_>) -> Done {
    let path = call.path(2)?;
    let [accessed, modified] = changes(call, 4)?;
    let follow = follows(call, 1)?;
    let dir = &call.wasi.table.directory(call.u32(0), Rights::PATH_FILESTAT_SET_TIMES)?.dir;
    let (accessed, modified) = (accessed.spec(), modified.spec());
    if follow {
        dir.set_times(path, accessed, modified)?;
    } else {
        dir.set_symlink_times(path, accessed, modified)?;
    }
    Ok(())
}
