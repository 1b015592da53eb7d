//! Lists of buffers in the guest's memory.

use std::collections::VecDeque;

use crate::call::Call;
use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::stop::Stop;

/// Most buffers in one list: Linux's limit.
const MOST_BUFFERS: u32 = 1024;
/// Most bytes of one call; the guest sees a short transfer.
const MOST_BYTES: u64 = 0x7fff_f000;
/// Bytes that are moved at once.
const CHUNK: usize = 64 << 10;

/// Buffers of the guest's, all inside its memory, and how far they are filled or emptied.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// What is left: where and how long.
    left: VecDeque<(u64, u64)>,
    bytes_left: u64,
}

/// What one step of a transfer moves: bytes to move, and how far the transfer is.
pub(crate) type Step<'a> = dyn FnMut(&mut [u8], u64) -> Result<usize, Stop> + 'a;

/// Whether to go on after a step that moved all it could.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transfer {
    /// Until a step moves less: files.
    Whole,
    /// One step: what a stream has now.
    Once,
}

impl Buffers {
    /// The list whose address is argument `index` and whose length is the next.
    pub(crate) fn of(call: &Call<'_>, index: usize) -> Result<Self, Stop> {
        let count = call.u32(index + 1);
        if count > MOST_BUFFERS {
            return Err(Errno::Inval.into());
        }
        let list = call.room(index, u64::from(count) * 8)?;
        let mut buffers = Self { left: VecDeque::new(), bytes_left: 0 };
        for entry in 0..u64::from(count) {
            let at = u64::from(call.get_u32(list + entry * 8)?);
            let bytes = u64::from(call.get_u32(list + entry * 8 + 4)?);
            if at + bytes > call.memory.size() {
                return Err(Errno::Fault.into());
            }
            let bytes = bytes.min(MOST_BYTES - buffers.bytes_left);
            buffers.bytes_left += bytes;
            buffers.left.push_back((at, bytes));
        }
        Ok(buffers)
    }

    /// Fills them by `step`, which gives how many bytes it got.
    pub(crate) fn fill(
        mut self,
        memory: &mut dyn GuestMemory,
        scratch: &mut Vec<u8>,
        transfer: Transfer,
        step: &mut Step<'_>,
    ) -> Result<u32, Stop> {
        let mut put = |at, bytes: &mut [u8]| memory.write(at, bytes);
        self.run(scratch, transfer, |buffers, chunk, done| {
            let count = step(chunk, done)?.min(chunk.len());
            buffers.each(&mut chunk[..count], &mut put)?;
            Ok(count)
        })
    }

    /// Empties them by `step`, which gives how many bytes it took.
    pub(crate) fn drain(
        mut self,
        memory: &dyn GuestMemory,
        scratch: &mut Vec<u8>,
        step: &mut Step<'_>,
    ) -> Result<u32, Stop> {
        self.run(scratch, Transfer::Whole, |buffers, chunk, done| {
            buffers.each(chunk, |at, bytes| memory.read(at, bytes))?;
            let mut taken = 0;
            while taken < chunk.len() {
                match step(&mut chunk[taken..], done + taken as u64) {
                    Ok(0) => break,
                    Ok(count) => taken += count,
                    Err(stop) if taken == 0 => return Err(stop),
                    Err(_) => break,
                }
            }
            Ok(taken)
        })
    }

    fn run(
        &mut self,
        scratch: &mut Vec<u8>,
        transfer: Transfer,
        mut step: impl FnMut(&mut Self, &mut [u8], u64) -> Result<usize, Stop>,
    ) -> Result<u32, Stop> {
        let mut done = 0;
        while self.bytes_left > 0 {
            let bytes = self.bytes_left.min(CHUNK as u64) as usize;
            scratch.resize(scratch.len().max(bytes), 0);
            match step(self, &mut scratch[..bytes], done) {
                // What was moved is moved: the next call meets the error again.
                Err(_) if done > 0 => break,
                Err(stop) => return Err(stop),
                Ok(count) => {
                    done += count as u64;
                    if count < bytes || transfer == Transfer::Once {
                        break;
                    }
                }
            }
        }
        Ok(done as u32)
    }

    /// Calls `action` for the next pieces of the guest's memory, `bytes` in all.
    fn each<E>(
        &mut self,
        mut bytes: &mut [u8],
        mut action: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let (false, Some((at, len))) = (bytes.is_empty(), self.left.front_mut()) {
            let (piece, rest) = bytes.split_at_mut((*len).min(bytes.len() as u64) as usize);
            action(*at, piece)?;
            let moved = piece.len() as u64;
            (*at, *len, self.bytes_left) = (*at + moved, *len - moved, self.bytes_left - moved);
            bytes = rest;
            if *len == 0 {
                self.left.pop_front();
            }
        }
        Ok(())
    }
}
