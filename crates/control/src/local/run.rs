//! Carrying out one instruction by its snippet.

use midstride_frame::Register;

use super::frame::{Signal, reason};
use super::generation::Entry;
use super::guest::Guest;
use crate::machine::Stop;
use crate::point::{CodePoint, ExitKind};

/// What became of one instruction.
#[derive(Clone, Copy)]
pub(crate) enum Done {
    /// Control went to a node, or out.
    Went { to: u32, kind: ExitKind },
    /// Control went to the address in the second slot.
    Indirect,
    /// It stopped, and the program's point says where.
    Stopped(Stop),
}

impl Guest {
    /// Runs a snippet.
    #[inline]
    pub(crate) fn run(&mut self, entry: &Entry) -> Done {
        self.frame.get().target = entry.code;
        match self.enter(entry.door) {
            reason::NEXT => Done::Went { to: entry.next, kind: ExitKind::Next },
            reason::TAKEN => Done::Went { to: entry.jump, kind: ExitKind::Jump },
            reason::INDIRECT => Done::Indirect,
            why => Done::Stopped(self.interrupted(entry, why)),
        }
    }

    /// The stop for a signal that met the program at the address `raw`. Where the signal tells that address, it
    /// is to be one of the program.
    pub(crate) fn fault(&mut self, signal: Signal, raw: u64) -> Stop {
        let Signal { number: signal, code, address } = signal;
        let address = if address == raw { self.frame.get().gpr.rip } else { address };
        Stop::Fault { signal, code, address }
    }

    /// A signal met the snippet: the program is in front of the instruction or behind it.
    #[cold]
    fn interrupted(&mut self, entry: &Entry, why: u32) -> Stop {
        let frame = self.frame.get();
        let offset = frame.gpr.rip.wrapping_sub(entry.code);
        let done = offset >= u64::from(entry.snippet.done);
        let lost = entry.snippet.lost.filter(|_| offset != 0).and_then(|gpr| Register::gpr(gpr.number()));
        if let Some(register) = lost.and_then(|register| frame.gpr.get_mut(register)) {
            *register = frame.slots[0];
        }
        let (signal, raw) = (frame.signal, frame.gpr.rip);
        let point = if done { self.programs.next(entry.id) } else { CodePoint::At(entry.id) };
        self.set_point(point);
        match why {
            reason::SIGNAL => self.fault(signal, raw),
            _ => Stop::Called,
        }
    }
}
