//! Carrying out one instruction by its snippet.

use midstride_frame::Register;

use super::frame::reason;
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
        let signal = frame.signal;
        let point = if done { self.programs.next(entry.id) } else { CodePoint::At(entry.id) };
        self.set_point(point);
        match why {
            reason::SIGNAL => {
                Stop::Fault { signal: signal.number, code: signal.code, address: signal.address }
            }
            _ => Stop::Called,
        }
    }
}
