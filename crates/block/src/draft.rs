//! A basic block as read from the program, before it is written.

use midstride_addr::{AppPc, AppRange};
use midstride_relocate::{DecodeError, Flow, Insn, InsnIter};

/// How many instructions a block holds at most; longer ones are continued by a further block.
pub const MAX_INSNS: usize = 128;
/// How many program bytes a block reads at most, so that it touches at most two pages.
pub const MAX_APP_BYTES: usize = 2048;

/// Something emitted in front of an instruction that the program does not notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// Adds one to the 64-bit word at this offset from the thread context, each time the block is
    /// entered. The emitter chooses the instruction it stands before: see [`crate::ExecBlock::probe_end`].
    Count {
        /// Bytes from the thread context.
        offset: i32,
    },
    /// Enters the gate with this number for the engine's callout.
    Callout {
        /// Chosen by whoever asked for it.
        id: u32,
    },
}

impl Probe {
    pub(crate) fn is_count(self) -> bool {
        matches!(self, Self::Count { .. })
    }
}

/// One step of a block: an instruction, possibly dropped, and what comes before it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    insn: Insn,
    probe: Option<Probe>,
    keep: Keep,
}

/// Whether an instruction is emitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keep {
    Emit,
    Drop,
}

impl Step {
    /// The instruction.
    #[must_use]
    pub fn insn(&self) -> &Insn {
        &self.insn
    }

    /// What is emitted before it.
    #[must_use]
    pub fn probe(&self) -> Option<Probe> {
        self.probe
    }

    /// Whether the instruction itself is emitted.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.keep == Keep::Emit
    }
}

/// Whether a block ends behind an instruction that would not end it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    Yes,
    No,
    /// It does, and the instruction is written as one that transfers control.
    Transfer,
}

/// Why a block ends where it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Its last instruction transfers control (or may not fall through).
    Transfer,
    /// It is full; the next block continues at its end.
    Full,
    /// The bytes at its end are no instruction.
    Undecodable,
    /// The memory at its end, or behind the start of an instruction there, cannot be executed.
    Unreadable,
}

/// A decoded basic block; a transformer may change what is emitted for it.
#[derive(Debug)]
pub struct Draft {
    start: AppPc,
    steps: [Option<Step>; MAX_INSNS],
    len: usize,
    end: End,
}

impl Draft {
    /// A draft of nothing at address 0; see [`Self::read`].
    #[must_use]
    pub fn empty() -> Self {
        Self { start: AppPc::new(0), steps: [None; MAX_INSNS], len: 0, end: End::Unreadable }
    }

    /// Reads the block that starts at `pc`, whose memory up to the end of what may be executed is
    /// `code`, taking at most `limit` instructions.
    pub fn read(&mut self, code: &[u8], pc: AppPc, limit: usize) {
        self.read_until(code, pc, limit, |_| Stop::No);
    }

    /// Like [`Self::read`], and ends the block behind the first instruction for which `stop` says so.
    pub(crate) fn read_until(
        &mut self,
        code: &[u8],
        pc: AppPc,
        limit: usize,
        mut stop: impl FnMut(&Insn) -> Stop,
    ) {
        self.start = pc;
        self.len = 0;
        let window = &code[..code.len().min(MAX_APP_BYTES)];
        let mut insns = InsnIter::new(window, pc);
        self.end = loop {
            if self.len == limit.min(MAX_INSNS) {
                break End::Full;
            }
            let insn = match insns.next() {
                Some(Ok(insn)) => insn,
                Some(Err(DecodeError::Invalid { .. })) => break End::Undecodable,
                Some(Err(_)) | None if window.len() < code.len() && self.len > 0 => break End::Full,
                Some(Err(_)) | None => break End::Unreadable,
            };
            self.steps[self.len] = Some(Step { insn, probe: None, keep: Keep::Emit });
            self.len += 1;
            if let Some(end) = end_behind(&insn, &mut stop) {
                break end;
            }
        };
    }

    /// The program address of the first instruction.
    #[must_use]
    pub fn start(&self) -> AppPc {
        self.start
    }

    /// The program bytes of the block.
    #[must_use]
    pub fn range(&self) -> AppRange {
        let end = self.steps().last().map_or(self.start, |step| step.insn.next_pc());
        AppRange::new(self.start, end)
    }

    /// Why it ends.
    #[must_use]
    pub fn end(&self) -> End {
        self.end
    }

    /// How many instructions it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether not even its first instruction could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its steps in order.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = &Step> + Clone {
        self.steps[..self.len].iter().flatten()
    }

    /// The step at `index`, counted from 0.
    #[must_use]
    pub fn step(&self, index: usize) -> Option<&Step> {
        self.steps[..self.len].get(index)?.as_ref()
    }

    /// Emits `probe` before the instruction at `index`, in place of any probe there.
    pub fn set_probe(&mut self, index: usize, probe: Probe) {
        if let Some(Some(step)) = self.steps[..self.len].get_mut(index) {
            step.probe = Some(probe);
        }
    }

    /// Does not emit the instruction at `index`. Dropping one that ends the block lets the block
    /// continue behind it.
    pub fn drop_insn(&mut self, index: usize) {
        if let Some(Some(step)) = self.steps[..self.len].get_mut(index) {
            step.keep = Keep::Drop;
        }
    }

    /// Emits `insn` in place of the instruction at `index`; the program's pc there stays what it is.
    /// Only an instruction that falls through can stand for another; others are refused.
    pub fn replace_insn(&mut self, index: usize, insn: Insn) {
        let fits = falls_through(insn.flow());
        debug_assert!(fits, "a replacement must fall through");
        if fits && let Some(Some(step)) = self.steps[..self.len].get_mut(index) {
            step.insn = insn;
        }
    }
}

/// Whether a block ends behind `insn`, and why.
fn end_behind(insn: &Insn, stop: impl FnOnce(&Insn) -> Stop) -> Option<End> {
    if !falls_through(insn.flow()) {
        return Some(End::Transfer);
    }
    match stop(insn) {
        Stop::Yes => Some(End::Full),
        Stop::Transfer => Some(End::Transfer),
        Stop::No => None,
    }
}

/// Whether the instruction after one of this flow belongs to the same block.
fn falls_through(flow: Flow) -> bool {
    matches!(flow, Flow::Next)
}
