//! Lists of buffers in the guest's memory.

use std::collections::VecDeque;

use crate::call::Call;
use crate::errno::Errno;
use crate::interrupt::Interrupt;
use crate::memory::GuestMemory;
use crate::stop::{Exit, Stop};

/// Most buffers in one list: Linux's limit.
const MOST_BUFFERS: u32 = 1024;
/// Most bytes of one call; the guest sees a short transfer.
const MOST_BYTES: u64 = 0x7fff_f000;
/// Bytes that are moved at once; between two pieces the call can be interrupted.
pub(crate) const CHUNK: usize = 64 << 10;

/// Buffers of the guest's, all inside its memory: what is to be filled or emptied still.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// What is left: where and how long.
    left: VecDeque<(u64, u64)>,
    bytes_left: u64,
}

/// How far a call is, and what it needs to go on.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    /// Bytes that were moved, before an interruption too.
    pub(crate) moved: &'a mut u64,
    pub(crate) scratch: &'a mut Vec<u8>,
    pub(crate) interrupt: &'a Interrupt,
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
    pub(crate) fn of(call: &mut Call<'_>, index: usize) -> Result<Self, Stop> {
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
        call.moved = call.moved.min(buffers.bytes_left);
        buffers.skip(call.moved);
        Ok(buffers)
    }

    /// Leaves out what was moved before the call was interrupted.
    fn skip(&mut self, mut bytes: u64) {
        while let Some((_, skipped)) = self.take(bytes) {
            bytes -= skipped;
        }
    }

    /// The next piece of the guest's memory, of at most so many bytes.
    fn take(&mut self, most: u64) -> Option<(u64, u64)> {
        let (at, len) = self.left.front_mut().filter(|_| most > 0)?;
        let taken = (*at, most.min(*len));
        (*at, *len, self.bytes_left) = (*at + taken.1, *len - taken.1, self.bytes_left - taken.1);
        if *len == 0 {
            self.left.pop_front();
        }
        Some(taken)
    }

    /// Fills them by `step`, which gives how many bytes it got.
    pub(crate) fn fill(
        mut self,
        memory: &mut dyn GuestMemory,
        progress: Progress<'_>,
        transfer: Transfer,
        step: &mut Step<'_>,
    ) -> Result<u32, Stop> {
        let mut put = |at, bytes: &mut [u8]| memory.write(at, bytes);
        self.run(progress, transfer, |buffers, chunk, done| {
            let count = step(chunk, done)?.min(chunk.len());
            buffers.each(&mut chunk[..count], &mut put)?;
            Ok(count)
        })
    }

    /// Empties them by `step`, which gives how many bytes it took.
    pub(crate) fn drain(
        mut self,
        memory: &dyn GuestMemory,
        mut progress: Progress<'_>,
        step: &mut Step<'_>,
    ) -> Result<u32, Stop> {
        let mut stopped = None;
        let result = self.run(progress.again(), Transfer::Whole, |buffers, chunk, done| {
            buffers.each(chunk, |at, bytes| memory.read(at, bytes))?;
            let mut taken = 0;
            while taken < chunk.len() && stopped.is_none() {
                match step(&mut chunk[taken..], done + taken as u64) {
                    Ok(0) => break,
                    Ok(count) => taken += count,
                    Err(stop) => stopped = Some(stop),
                }
            }
            Ok(taken)
        });
        progress.unless_stopped(stopped).and(result)
    }

    fn run(
        &mut self,
        Progress { moved, scratch, interrupt }: Progress<'_>,
        transfer: Transfer,
        mut step: impl FnMut(&mut Self, &mut [u8], u64) -> Result<usize, Stop>,
    ) -> Result<u32, Stop> {
        while self.bytes_left > 0 {
            let bytes = self.bytes_left.min(CHUNK as u64) as usize;
            scratch.resize(scratch.len().max(bytes), 0);
            match step(self, &mut scratch[..bytes], *moved) {
                // What was moved is moved: the next call meets the error again.
                Err(Stop::Errno(_)) if *moved > 0 => break,
                Err(stop) => return Err(stop),
                Ok(count) => {
                    *moved += count as u64;
                    if count < bytes || transfer == Transfer::Once {
                        break;
                    }
                }
            }
            if self.bytes_left > 0 && interrupt.is_raised() {
                return Err(Exit::Interrupted.into());
            }
        }
        Ok(*moved as u32)
    }

    /// Calls `action` for the next pieces of the guest's memory, `bytes` in all.
    fn each<E>(
        &mut self,
        mut bytes: &mut [u8],
        mut action: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((at, len)) = self.take(bytes.len() as u64) {
            let (piece, rest) = bytes.split_at_mut(len as usize);
            action(at, piece)?;
            bytes = rest;
        }
        Ok(())
    }
}

impl Progress<'_> {
    fn again(&mut self) -> Progress<'_> {
        Progress { moved: self.moved, scratch: self.scratch, interrupt: self.interrupt }
    }

    /// An interruption is one also when something was moved; after an error the call is done then.
    fn unless_stopped(self, stopped: Option<Stop>) -> Result<(), Stop> {
        match stopped {
            Some(Stop::Errno(_)) if *self.moved > 0 => Ok(()),
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }
}
