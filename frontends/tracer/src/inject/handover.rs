//! Giving the channel to a process that cannot open it by its path: it runs as another user, in another
//! root directory or mount namespace.
//!
//! The process makes a socket pair; the host takes one end out of it and sends the file through.

use std::fs::File;

use super::remote::{Remote, RemoteError};
use crate::sys;

/// Where, from the scratch memory's start, the parts of the message lie.
const IOVEC_AT: u64 = 0x40;
const BYTE_AT: u64 = 0x60;
const MESSAGE_AT: u64 = 0x80;
const CONTROL_AT: u64 = 0x100;
/// A control message header and one descriptor, rounded up.
const CONTROL_BYTES: u64 = 24;
/// Where in the control message the descriptor lies.
const FD_AT: u64 = 16;

/// The descriptor of `file` in the process; `scratch` is 4 KiB of its memory that is free to use.
pub(super) fn hand_over(remote: &mut Remote, scratch: u64, file: &File) -> Result<u64, RemoteError> {
    remote.socket_pair(scratch)?;
    let mut ends = [0; 8];
    sys::read_memory(remote.pid(), scratch, &mut ends)?;
    let (mine, yours) = (descriptor(&ends[..4]), descriptor(&ends[4..]));
    let received = receive(remote, scratch, file, mine, yours);
    remote.close(mine)?;
    remote.close(yours)?;
    received
}

fn receive(
    remote: &mut Remote,
    scratch: u64,
    file: &File,
    mine: u64,
    yours: u64,
) -> Result<u64, RemoteError> {
    let socket = sys::copy_descriptor(remote.pid(), yours as i32)?;
    sys::send_file(&socket, file)?;
    for (at, words) in message(scratch) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        remote.write(scratch + at, &bytes)?;
    }
    remote.receive_message(mine, scratch + MESSAGE_AT)?;
    let mut fd = [0; 4];
    sys::read_memory(remote.pid(), scratch + CONTROL_AT + FD_AT, &mut fd)?;
    Ok(descriptor(&fd))
}

fn descriptor(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u32::from_ne_bytes).into()
}

/// An `iovec` for one byte, and a `msghdr` (name, its length, iovec, their number, control, its length, flags).
fn message(scratch: u64) -> [(u64, Vec<u64>); 2] {
    let iovec = vec![scratch + BYTE_AT, 1];
    let header = vec![0, 0, scratch + IOVEC_AT, 1, scratch + CONTROL_AT, CONTROL_BYTES, 0];
    [(IOVEC_AT, iovec), (MESSAGE_AT, header)]
}
