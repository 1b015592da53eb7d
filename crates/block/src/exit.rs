//! Exits: where a block hands control on.

use midstride_addr::{AppPc, CachePc};
use midstride_asm::{PatchSite, Writer};

use crate::emit::Env;
use crate::slots::{Door, Slot};

/// What leaving through an exit means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitKind {
    /// Go on at the target; can be linked.
    Direct,
    /// A system call was reached; the target is the instruction behind it.
    Syscall,
    /// The target is an instruction that the engine carries out itself.
    Emulate,
    /// The block's program code changed; the target is the block's start.
    Stale,
    /// A callout; the target is the instruction it stands before.
    Callout {
        /// Chosen by whoever asked for it.
        id: u32,
        /// Where the gate resumes.
        resume: CachePc,
    },
}

/// An exit of a block under construction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExitPlan {
    /// Where the program is while control is in the stub.
    pub(crate) at: AppPc,
    /// Where it goes on.
    pub(crate) target: AppPc,
    pub(crate) kind: ExitKind,
    pub(crate) stub: CachePc,
    pub(crate) site: Option<PatchSite>,
    /// Where the jump, with its padding, starts, when it is the block's last.
    pub(crate) tail: Option<CachePc>,
}

/// How many exits a block can have.
pub(crate) const MAX_EXITS: usize = 16;

/// The exits of a block under construction.
#[derive(Debug, Default)]
pub(crate) struct Exits {
    plans: [Option<ExitPlan>; MAX_EXITS],
    len: usize,
}

impl Exits {
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn push(&mut self, plan: ExitPlan) -> Option<usize> {
        *self.plans.get_mut(self.len)? = Some(plan);
        self.len += 1;
        Some(self.len - 1)
    }

    /// The exit's jump is the block's last and starts, with its padding, at `tail`.
    pub(crate) fn set_tail(&mut self, index: usize, tail: CachePc) {
        if let Some(Some(plan)) = self.plans.get_mut(index) {
            plan.tail = Some(tail);
        }
    }

    pub(crate) fn set_site(&mut self, index: usize, site: PatchSite) {
        if let Some(Some(plan)) = self.plans.get_mut(index) {
            plan.site = Some(site);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, index: usize) -> Option<ExitPlan> {
        *self.plans[..self.len].get(index)?
    }
}

/// Bytes of an exit stub.
pub(crate) const STUB_BYTES: u32 = 19;
/// Where in a stub the number of its exit lies.
pub(crate) const STUB_NUMBER_AT: u32 = 8;

/// Writes a stub: tells the gate which exit this is and goes there.
///
/// ```text
/// mov dword gs:[exit], number      (12 bytes; 11 behind a nop without the segment)
/// jmp [door]                       (7 bytes)
/// ```
pub(crate) fn write_stub(w: &mut Writer<'_>, env: &Env, door: Door, number: u32) {
    use midstride_asm::Width;
    let start = w.offset().get();
    if matches!(env.slots, crate::slots::SlotBase::Absolute(_)) {
        w.nop(1);
    }
    w.mov_mi(Width::W32, env.slots.slot(Slot::Exit), number as i32);
    w.jmp_m(env.doors.door(door));
    debug_assert!(w.error().is_some() || w.offset().get() - start == STUB_BYTES, "stubs have one size");
}
