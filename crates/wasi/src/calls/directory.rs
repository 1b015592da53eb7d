//! `fd_readdir`

use std::os::fd::AsFd;

use rustix::fs::{Dir, Mode, OFlags, openat};

use crate::abi::{self, Filetype, Rights};
use crate::call::{Call, Done};
use crate::errno::Errno;
use crate::object::{Directory, Listed, Object, stat};

/// Gives entries from a cookie on, as many as fit; the last one is cut off.
///
/// A directory is read when the cookie is 0; later cookies are places in what was found then, so a guest
/// sees each name once, whatever is created and deleted meanwhile. Names come in order.
pub(crate) fn readdir(call: &mut Call<'_>) -> Done {
    let (buffer_bytes, cookie, out) = (call.u32(2), call.u64(3), call.room(4, 4)?);
    let buffer = call.room(1, buffer_bytes.into())?;
    call.wasi.table.directory(call.u32(0), Rights::FD_READDIR)?;
    let Object::Directory(directory) = &mut call.wasi.table.get_mut(call.u32(0))?.object else {
        return Err(Errno::NotDir.into());
    };
    if cookie == 0 || directory.listing.is_none() {
        directory.listing = Some(list(directory)?);
    }
    let listing = directory.listing.as_deref().unwrap_or_default();
    let bytes = entries(listing, cookie, buffer_bytes as usize);
    call.put(buffer, &bytes)?;
    call.put_u32(out, bytes.len() as u32)
}

fn entries(listing: &[Listed], cookie: u64, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let start = usize::try_from(cookie).unwrap_or(usize::MAX).min(listing.len());
    for (next, entry) in (start as u64 + 1..).zip(&listing[start..]) {
        if bytes.len() >= most {
            break;
        }
        bytes.extend(abi::dirent(next, entry.ino, entry.name.len() as u32, entry.filetype));
        bytes.extend(&entry.name);
    }
    bytes.truncate(most);
    bytes
}

/// What is in a directory, `.` and `..` first. The latter's number is not told: it may be outside.
fn list(directory: &Directory) -> Result<Vec<Listed>, Errno> {
    let own = stat(directory.dir.as_fd())?.ino;
    let dots = [".", ".."].map(|name| Listed { name: name.into(), ino: own, filetype: Filetype::Directory });
    let mut listing = Vec::from(dots);
    // The directory itself is open in a way that only leads on.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = openat(directory.dir.as_fd(), ".", flags, Mode::empty())?;
    for entry in Dir::new(open)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let filetype = Filetype::of(entry.file_type());
            listing.push(Listed { name: name.to_owned(), ino: entry.ino(), filetype });
        }
    }
    listing[2..].sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}
