//! `fd_*` of any descriptor

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::abi::{self, FdFlags, Rights};
use crate::call::{Call, Done};
use crate::errno::Errno;
use crate::object::{Descriptor, Object};

pub(crate) fn close(call: &mut Call<'_>) -> Done {
    call.wasi.table.remove(call.u32(0))?;
    Ok(())
}

pub(crate) fn renumber(call: &mut Call<'_>) -> Done {
    Ok(call.wasi.table.renumber(call.u32(0), call.u32(1))?)
}

pub(crate) fn fdstat_get(call: &mut Call<'_>) -> Done {
    let out = call.room(1, 24)?;
    let descriptor = call.wasi.table.get(call.u32(0))?;
    let Descriptor { object, rights, inheriting, flags, .. } = descriptor;
    let record = abi::fdstat(object.filetype(), *flags, *rights, *inheriting);
    call.put(out, &record)
}

pub(crate) fn fdstat_set_flags(call: &mut Call<'_>) -> Done {
    let flags = call.flags(1, FdFlags::from_bits)?;
    let descriptor = call.wasi.table.get_mut(call.u32(0))?;
    if !descriptor.rights.contains(Rights::FD_FDSTAT_SET_FLAGS) {
        return Err(Errno::NotCapable.into());
    }
    if (flags ^ descriptor.flags).intersects(FdFlags::SYNCS) {
        return Err(Errno::NotSup.into());
    }
    if let Ok(file) = descriptor.object.regular() {
        let append = if flags.contains(FdFlags::APPEND) { OFlags::APPEND } else { OFlags::empty() };
        fcntl_setfl(file, (fcntl_getfl(file)? - OFlags::APPEND) | append)?;
    }
    // Whether to wait is decided here for each call, so the host's own descriptors stay as they are.
    descriptor.flags = flags;
    Ok(())
}

pub(crate) fn fdstat_set_rights(call: &mut Call<'_>) -> Done {
    let (rights, inheriting) = (call.u64(1), call.u64(2));
    let descriptor = call.wasi.table.get_mut(call.u32(0))?;
    let more = rights & !descriptor.rights.bits() | inheriting & !descriptor.inheriting.bits();
    if more != 0 {
        return Err(Errno::NotCapable.into());
    }
    descriptor.rights = Rights::from_bits_truncate(rights);
    descriptor.inheriting = Rights::from_bits_truncate(inheriting);
    Ok(())
}

pub(crate) fn filestat_get(call: &mut Call<'_>) -> Done {
    let out = call.room(1, call.version.filestat.bytes.into())?;
    let stat = call.wasi.table.with(call.u32(0), Rights::FD_FILESTAT_GET)?.object.filestat()?;
    call.put(out, &stat.bytes(&call.version.filestat))
}

pub(crate) fn prestat_get(call: &mut Call<'_>) -> Done {
    let out = call.room(1, 8)?;
    let name_bytes = given_name(call)?.len() as u32;
    // The first word says that it is a directory, the only kind there is.
    call.put_u32(out, 0)?;
    call.put_u32(out + 4, name_bytes)
}

pub(crate) fn prestat_dir_name(call: &mut Call<'_>) -> Done {
    let name = given_name(call)?.to_owned();
    if (call.u32(2) as usize) < name.len() {
        return Err(Errno::NameTooLong.into());
    }
    let out = call.room(1, name.len() as u64)?;
    call.put(out, name.as_bytes())
}

/// What the guest calls the directory it was given as descriptor argument 0.
fn given_name<'a>(call: &'a Call<'_>) -> Result<&'a str, Errno> {
    let Object::Directory(directory) = &call.wasi.table.get(call.u32(0))?.object else {
        return Err(Errno::Badf);
    };
    let root = directory.root.and_then(|root| call.wasi.roots.get(root)).ok_or(Errno::Badf)?;
    Ok(&root.guest)
}
