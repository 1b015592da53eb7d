//! `fd_*` of regular files

use std::num::NonZeroU64;

use rustix::fs::{Advice, FallocateFlags, SeekFrom};

use crate::abi::{Filetype, Rights};
use crate::call::{Call, Done};
use crate::errno::Errno;
use crate::object::Object;
use crate::version::Whence;

/// Advice of the interface, by its number.
const ADVICE: [Advice; 6] =
    [Advice::Normal, Advice::Sequential, Advice::Random, Advice::WillNeed, Advice::DontNeed, Advice::NoReuse];

pub(crate) fn advise(call: &mut Call<'_>) -> Done {
    let advice = call.flags(3, |number| ADVICE.get(usize::from(number)).copied())?;
    let (offset, bytes) = (call.u64(1), call.u64(2));
    let object = &call.wasi.table.get(call.u32(0))?.object;
    if let Object::Directory(_) = object {
        return Err(Errno::Badf.into());
    }
    let file = object.regular()?;
    call.wasi.table.with(call.u32(0), Rights::FD_ADVISE)?;
    if offset.checked_add(bytes).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Errno::Inval.into());
    }
    Ok(rustix::fs::fadvise(file, offset, NonZeroU64::new(bytes), advice)?)
}

pub(crate) fn allocate(call: &mut Call<'_>) -> Done {
    let file = call.wasi.table.get(call.u32(0))?.object.regular()?;
    call.wasi.table.with(call.u32(0), Rights::FD_ALLOCATE)?;
    let (offset, bytes) = (call.u64(1), call.u64(2));
    if offset.checked_add(bytes).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Errno::Fbig.into());
    }
    Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), offset, bytes)?)
}

pub(crate) fn set_size(call: &mut Call<'_>) -> Done {
    let file = match call.wasi.table.get(call.u32(0))?.object.regular() {
        Err(Errno::Spipe) => return Err(Errno::Inval.into()),
        file => file?,
    };
    call.wasi.table.with(call.u32(0), Rights::FD_FILESTAT_SET_SIZE)?;
    if i64::try_from(call.u64(1)).is_err() {
        return Err(Errno::Inval.into());
    }
    Ok(rustix::fs::ftruncate(file, call.u64(1))?)
}

pub(crate) fn sync(call: &mut Call<'_>) -> Done {
    let object = &call.wasi.table.with(call.u32(0), Rights::FD_SYNC)?.object;
    synced(object, |file| file.sync_all())
}

pub(crate) fn datasync(call: &mut Call<'_>) -> Done {
    let object = &call.wasi.table.with(call.u32(0), Rights::FD_DATASYNC)?.object;
    synced(object, |file| file.sync_data())
}

/// Syncs a file, or a directory: those are open in a way that cannot be synced, so it is opened again.
fn synced(object: &Object, sync: impl FnOnce(&cap_std::fs::File) -> std::io::Result<()>) -> Done {
    let file = match object {
        Object::Directory(directory) => directory.dir.open(".")?,
        _ => cap_std::fs::File::from_std(object.regular()?.try_clone_to_owned()?.into()),
    };
    Ok(sync(&file)?)
}

pub(crate) fn seek(call: &mut Call<'_>) -> Done {
    let out = call.room(3, 8)?;
    let offset = call.u64(1).cast_signed();
    let whence = call.version.whence.get(call.u32(2) as usize).ok_or(Errno::Inval)?;
    let place = match whence {
        Whence::Start => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        Whence::Current => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
    };
    // To ask for the offset, the lesser right is enough.
    let right = if place == SeekFrom::Current(0) { Rights::FD_TELL } else { Rights::FD_SEEK };
    move_to(call, place, right, out)
}

pub(crate) fn tell(call: &mut Call<'_>) -> Done {
    let out = call.room(1, 8)?;
    move_to(call, SeekFrom::Current(0), Rights::FD_TELL, out)
}

fn move_to(call: &mut Call<'_>, place: SeekFrom, right: Rights, out: u64) -> Done {
    let descriptor = call.wasi.table.get(call.u32(0))?;
    let file = descriptor.object.regular()?;
    if descriptor.object.filetype() == Filetype::RegularFile
        && !descriptor.rights.intersects(right | Rights::FD_SEEK)
    {
        return Err(Errno::NotCapable.into());
    }
    let offset = rustix::fs::seek(file, place)?;
    call.put_u64(out, offset)
}
