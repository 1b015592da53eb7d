//! Files that give privileges to whoever executes them.
//!
//! The kernel withholds them from a process that somebody without privileges traces, so such a file is
//! executed natively.

use midstride_engine::ThreadContext;
use midstride_os::file::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, Stat, has_attribute, stat_at};
use midstride_os::{nr, thread};

const SET_USER: u32 = 0o4000;
/// Without group execute permission the bit means mandatory locking.
const SET_GROUP: u32 = 0o2010;

/// Register numbers of rax, rdi, rsi and r8.
const CALL: [usize; 4] = [0, 7, 6, 8];

/// Whether the exec that the thread is about to call gives it another user or group, or capabilities.
pub(crate) fn are_gained(cx: &ThreadContext) -> bool {
    let [rax, rdi, rsi, r8] = CALL.map(|number| cx.state.gprs[number]);
    let (directory, path, flags) = match rax {
        nr::EXECVEAT => (rdi as i32, rsi, r8 as u32 & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)),
        _ => (AT_FDCWD, rdi, 0),
    };
    let Ok(file) = stat_at(directory, path, flags) else { return false };
    gives_identity(&file, thread::geteuid() as u32, thread::getegid() as u32)
        || has_attribute(path, c"security.capability")
}

fn gives_identity(file: &Stat, user: u32, group: u32) -> bool {
    let sets_user = file.mode & SET_USER != 0 && file.uid != user;
    let sets_group = file.mode & SET_GROUP == SET_GROUP && file.gid != group;
    sets_user || sets_group
}
