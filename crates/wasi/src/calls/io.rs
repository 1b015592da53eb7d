//! `fd_read`, `fd_write` and their kin with an offset

use std::os::fd::BorrowedFd;

use crate::abi::{Filetype, Rights};
use crate::call::{Call, Done};
use crate::errno::Errno;
use crate::object::{Descriptor, Object};
use crate::stop::Stop;
use crate::transfer::{Buffers, Progress, Step, Transfer};
use crate::wasi::Wasi;

pub(crate) fn read(call: &mut Call<'_>) -> Done {
    let (buffers, out) = (Buffers::of(call, 1)?, call.room(3, 4)?);
    let Wasi { table, scratch, interrupt, .. } = &mut *call.wasi;
    let Descriptor { object, flags, .. } = table.with(call.args[0] as u32, Rights::FD_READ)?;
    let whole = object.filetype() == Filetype::RegularFile;
    let transfer = if whole { Transfer::Whole } else { Transfer::Once };
    let progress = Progress { moved: &mut call.moved, scratch, interrupt };
    let count = buffers.fill(call.memory, progress, transfer, &mut |bytes, _| match object {
        Object::Null => Ok(0),
        Object::Memory(pipe) => Ok(pipe.read(bytes)),
        Object::Handle(handle) => handle.read(bytes, *flags, interrupt),
        Object::Directory(_) => Err(Errno::Badf.into()),
    })?;
    call.put_u32(out, count)
}

pub(crate) fn write(call: &mut Call<'_>) -> Done {
    let (buffers, out) = (Buffers::of(call, 1)?, call.room(3, 4)?);
    let Wasi { table, scratch, interrupt, .. } = &mut *call.wasi;
    let Descriptor { object, flags, .. } = table.with(call.args[0] as u32, Rights::FD_WRITE)?;
    let progress = Progress { moved: &mut call.moved, scratch, interrupt };
    let count = buffers.drain(call.memory, progress, &mut |bytes, _| match object {
        Object::Null => Ok(bytes.len()),
        Object::Memory(pipe) => {
            pipe.write(bytes);
            Ok(bytes.len())
        }
        Object::Handle(handle) => handle.write(bytes, *flags, interrupt),
        Object::Directory(_) => Err(Errno::Badf.into()),
    })?;
    call.put_u32(out, count)
}

pub(crate) fn pread(call: &mut Call<'_>) -> Done {
    let (buffers, out) = (Buffers::of(call, 1)?, call.room(4, 4)?);
    let Wasi { table, scratch, interrupt, .. } = &mut *call.wasi;
    let file = at_offset(table.get(call.args[0] as u32)?, Rights::FD_READ)?;
    let start = call.args[3];
    let step: &mut Step<'_> =
        &mut |bytes, done| retry(start, done, |offset| rustix::io::pread(file, &mut *bytes, offset));
    let progress = Progress { moved: &mut call.moved, scratch, interrupt };
    let count = buffers.fill(call.memory, progress, Transfer::Whole, step)?;
    call.put_u32(out, count)
}

pub(crate) fn pwrite(call: &mut Call<'_>) -> Done {
    let (buffers, out) = (Buffers::of(call, 1)?, call.room(4, 4)?);
    let Wasi { table, scratch, interrupt, .. } = &mut *call.wasi;
    let file = at_offset(table.get(call.args[0] as u32)?, Rights::FD_WRITE)?;
    let start = call.args[3];
    let step: &mut Step<'_> =
        &mut |bytes, done| retry(start, done, |offset| rustix::io::pwrite(file, bytes, offset));
    let progress = Progress { moved: &mut call.moved, scratch, interrupt };
    let count = buffers.drain(call.memory, progress, step)?;
    call.put_u32(out, count)
}

/// The file behind a descriptor that has places. What has none is told apart from what may not.
fn at_offset(descriptor: &Descriptor, right: Rights) -> Result<BorrowedFd<'_>, Errno> {
    let file = descriptor.object.regular()?;
    if !descriptor.rights.contains(right) {
        return Err(Errno::Badf);
    }
    if descriptor.rights.contains(Rights::FD_SEEK) { Ok(file) } else { Err(Errno::NotCapable) }
}

fn retry(
    start: u64,
    done: u64,
    mut transfer: impl FnMut(u64) -> rustix::io::Result<usize>,
) -> Result<usize, Stop> {
    let offset = start.checked_add(done).ok_or(Errno::Inval)?;
    loop {
        match transfer(offset) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}
