//! `path_open`

use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::abi::{FdFlags, OpenFlags, Rights};
use crate::call::{Call, Done};
use crate::calls::path::follows;
use crate::errno::Errno;
use crate::object::{Descriptor, Directory, Handle, Object, Source};

/// How to open something.
pub(crate) struct Opening {
    pub(crate) follow: FollowSymlinks,
    pub(crate) open: OpenFlags,
    pub(crate) flags: FdFlags,
    /// Whether bytes will be read and written.
    pub(crate) rights: Rights,
}

pub(crate) fn open(call: &mut Call<'_>) -> Done {
    let (path, out) = (call.path(2)?, call.room(8, 4)?);
    let opening = Opening {
        follow: if follows(call, 1)? { FollowSymlinks::Yes } else { FollowSymlinks::No },
        open: call.flags(4, OpenFlags::from_bits)?,
        flags: call.flags(7, FdFlags::from_bits)?,
        rights: Rights::from_bits_truncate(call.u64(5)),
    };
    let directory = call.wasi.table.directory(call.u32(0), opening.needed())?;
    let granted = call.wasi.table.get(call.u32(0))?.inheriting;
    if !granted.contains(opening.rights & (Rights::FD_READ | Rights::FD_WRITE)) {
        return Err(Errno::NotCapable.into());
    }
    let object = opening.run(&directory.dir, &path)?;
    let descriptor = Descriptor {
        rights: opening.rights & granted & object.rights(),
        inheriting: Rights::from_bits_truncate(call.u64(6)) & granted,
        object,
        flags: opening.flags,
        standard: None,
    };
    let fd = call.wasi.table.insert(descriptor);
    call.put_u32(out, fd)
}

impl Opening {
    /// What the directory must be usable for.
    fn needed(&self) -> Rights {
        let mut needed = Rights::PATH_OPEN;
        needed.set(Rights::PATH_CREATE_FILE, self.open.contains(OpenFlags::CREATE));
        needed.set(Rights::PATH_FILESTAT_SET_SIZE, self.open.contains(OpenFlags::TRUNCATE));
        needed
    }

    /// Opens what `path` names.
    pub(crate) fn run(&self, dir: &Dir, path: &Path) -> Result<Object, Errno> {
        if self.open.contains(OpenFlags::DIRECTORY) {
            return self.directory(dir, path);
        }
        let file = dir.open_with(path, &self.options())?;
        if file.metadata()?.is_dir() {
            return Ok(opened(Dir::from_std_file(file.into_std())));
        }
        let handle = Handle::new(Source::Owned(file.into_std().into()));
        let object = Object::Handle(handle);
        if let (Ok(file), true) = (object.regular(), self.flags.contains(FdFlags::APPEND)) {
            fcntl_setfl(file, fcntl_getfl(file)? | OFlags::APPEND)?;
        }
        Ok(object)
    }

    fn directory(&self, dir: &Dir, path: &Path) -> Result<Object, Errno> {
        if self.open.intersects(OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE) {
            return Err(Errno::Inval);
        }
        if self.rights.contains(Rights::FD_WRITE) {
            return Err(Errno::Isdir);
        }
        Ok(opened(match self.follow {
            FollowSymlinks::Yes => dir.open_dir(path)?,
            FollowSymlinks::No => dir.open_dir_nofollow(path)?,
        }))
    }

    fn options(&self) -> OpenOptions {
        let (open, flags) = (self.open, self.flags);
        let changes = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let write = self.rights.contains(Rights::FD_WRITE) || open.intersects(changes);
        let mut options = OpenOptions::new();
        options.read(self.rights.contains(Rights::FD_READ) || !write).write(write);
        options.create(open.contains(OpenFlags::CREATE)).truncate(open.contains(OpenFlags::TRUNCATE));
        options.create_new(open.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE));
        options.follow(self.follow).maybe_dir(true);
        options.dsync(flags.contains(FdFlags::DSYNC)).sync(flags.contains(FdFlags::SYNC));
        options.rsync(flags.contains(FdFlags::RSYNC));
        // Opening and using a pipe never blocks in the host's kernel: waiting can be interrupted.
        options.nonblock(true);
        options
    }
}

fn opened(dir: Dir) -> Object {
    Object::Directory(Directory { dir, root: None, listing: None })
}
