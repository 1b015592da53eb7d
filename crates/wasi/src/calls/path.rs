//! `path_*`: all below a directory that is open, by the sandbox's means

use std::os::unix::ffi::OsStrExt;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, Metadata, MetadataExt};
use rustix::fs::FileType;

use crate::abi::{Filestat, Filetype, Rights, nanoseconds};
use crate::call::{Call, Done};
use crate::errno::Errno;

/// Whether a link at the end of the path is followed, by the lookup flags at argument `index`.
pub(crate) fn follows(call: &Call<'_>, index: usize) -> Result<bool, Errno> {
    match call.u32(index) {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::Inval),
    }
}

/// The directory behind the descriptor at argument `index`, if it may be used for `rights`.
fn dir<'a>(call: &'a Call<'_>, index: usize, rights: Rights) -> Result<&'a Dir, Errno> {
    Ok(&call.wasi.table.directory(call.u32(index), rights)?.dir)
}

pub(crate) fn create_directory(call: &mut Call<'_>) -> Done {
    let path = call.path(1)?;
    Ok(dir(call, 0, Rights::PATH_CREATE_DIRECTORY)?.create_dir(path)?)
}

pub(crate) fn remove_directory(call: &mut Call<'_>) -> Done {
    let path = call.path(1)?;
    Ok(dir(call, 0, Rights::PATH_REMOVE_DIRECTORY)?.remove_dir(path)?)
}

pub(crate) fn unlink_file(call: &mut Call<'_>) -> Done {
    let path = call.path(1)?;
    Ok(dir(call, 0, Rights::PATH_UNLINK_FILE)?.remove_file_or_symlink(path)?)
}

pub(crate) fn rename(call: &mut Call<'_>) -> Done {
    let (from, to) = (call.path(1)?, call.path(4)?);
    let source = dir(call, 0, Rights::PATH_RENAME_SOURCE)?;
    Ok(source.rename(from, dir(call, 3, Rights::PATH_RENAME_TARGET)?, to)?)
}

/// Links to what a link leads to cannot be made: nothing could check where it leads.
pub(crate) fn link(call: &mut Call<'_>) -> Done {
    let (from, to) = (call.path(2)?, call.path(5)?);
    let source = dir(call, 0, Rights::PATH_LINK_SOURCE)?;
    let target = dir(call, 4, Rights::PATH_LINK_TARGET)?;
    if follows(call, 1)? {
        return Err(Errno::Inval.into());
    }
    Ok(source.hard_link(from, target, to)?)
}

/// The sandbox refuses targets that are absolute.
pub(crate) fn symlink(call: &mut Call<'_>) -> Done {
    let (target, path) = (call.path(0)?, call.path(3)?);
    Ok(dir(call, 2, Rights::PATH_SYMLINK)?.symlink(target, path)?)
}

/// What does not fit is cut off, as `readlink` of POSIX does.
pub(crate) fn readlink(call: &mut Call<'_>) -> Done {
    let path = call.path(1)?;
    let (bytes, out) = (call.u32(4), call.room(5, 4)?);
    let buffer = call.room(3, bytes.into())?;
    let target = dir(call, 0, Rights::PATH_READLINK)?.read_link(path)?;
    let target = target.as_os_str().as_bytes();
    let target = &target[..target.len().min(bytes as usize)];
    call.put(buffer, target)?;
    call.put_u32(out, target.len() as u32)
}

pub(crate) fn filestat_get(call: &mut Call<'_>) -> Done {
    let path = call.path(2)?;
    let (out, follow) = (call.room(4, call.version.filestat.bytes.into())?, follows(call, 1)?);
    let dir = dir(call, 0, Rights::PATH_FILESTAT_GET)?;
    let metadata = if follow { dir.metadata(path)? } else { dir.symlink_metadata(path)? };
    call.put(out, &stat(&metadata).bytes(&call.version.filestat))
}

fn stat(metadata: &Metadata) -> Filestat {
    let time = |seconds, rest: i64| nanoseconds(seconds, u64::try_from(rest).unwrap_or(0));
    Filestat {
        dev: metadata.dev(),
        ino: metadata.ino(),
        filetype: Filetype::of(FileType::from_raw_mode(metadata.mode())),
        nlink: metadata.nlink(),
        size: metadata.size(),
        times: [
            time(metadata.atime(), metadata.atime_nsec()),
            time(metadata.mtime(), metadata.mtime_nsec()),
            time(metadata.ctime(), metadata.ctime_nsec()),
        ],
    }
}
