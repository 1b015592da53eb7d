//! Landings: where indirect branches enter a block, having jumped through a table by 16 bits of their
//! target only. The landing compares the rest.

use midstride_addr::{AppPc, CachePc, CodeOffset};
use midstride_asm::{Cond, Gpr, Mem, Width, Writer};
use midstride_relocate::{FlagSet, GprSet, Live, Scanner};

use super::{Emitter, Env};
use crate::draft::Draft;
use crate::liveness::live_at_entry;
use crate::record::{Record, Restore, Where};
use crate::slots::{Door, Slot};

/// Which indirect branches a landing serves: they leave the target in different places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Landing {
    /// Returns: the target lies below the stack pointer.
    Return,
    /// Indirect jumps and calls, and returns that drop arguments: it lies in the target slot.
    Indirect,
}

impl Landing {
    fn target(self, env: &Env) -> Mem {
        match self {
            Self::Return => Mem::base(Gpr::Rsp, -8),
            Self::Indirect => env.slots.slot(Slot::Target),
        }
    }

    fn state(self) -> Where {
        match self {
            Self::Return => Where::BelowStack,
            Self::Indirect => Where::TargetSlot,
        }
    }

    pub(crate) fn door(self) -> Door {
        match self {
            Self::Return => Door::Return,
            Self::Indirect => Door::Indirect,
        }
    }
}

/// Writes a landing for the block at `app` and reports what its bytes mean; it falls through into the
/// block. `miss` is where control goes for another target, with r11 in its slot.
///
/// ```text
/// flags dead at entry          flags live
/// movabs r11, app              mov   gs:[rcx], rcx
/// cmp    r11, <target>         movabs r11, -app
/// jne    miss                  mov   rcx, <target>
/// mov    r11, gs:[r11]         lea   rcx, [rcx + r11]
///                              jrcxz hit
///                              mov   rcx, gs:[rcx]
///                              jmp   miss
///                        hit:  mov   rcx, gs:[rcx]
///                              mov   r11, gs:[r11]
/// ```
pub(crate) fn landing_code(
    w: &mut Writer<'_>,
    env: &Env,
    landing: Landing,
    app: AppPc,
    live: Live,
    miss: CachePc,
    mut note: impl FnMut(Record),
) {
    let mut state = |w: &Writer<'_>, restore| {
        let (at, app_offset, borrowed) = (landing.state(), 0, Gpr::Rax);
        note(Record { cache_offset: w.offset().get() as u16, app_offset, at, restore, borrowed });
    };
    let target = landing.target(env);
    state(w, Restore::R11);
    if live.flags.is_empty() {
        w.movabs(Gpr::R11, app.get());
        w.alu_rm(Width::W64, midstride_asm::Alu::Cmp, Gpr::R11, target);
        w.jcc_to(Cond::Ne, miss);
    } else {
        let rcx = env.slots.slot(Slot::Rcx);
        w.mov_mr(Width::W64, rcx, Gpr::Rcx);
        state(w, Restore::R11.and(Restore::RCX));
        w.movabs(Gpr::R11, app.get().wrapping_neg());
        w.mov_rm(Width::W64, Gpr::Rcx, target);
        w.lea(Width::W64, Gpr::Rcx, Mem::base_index(Gpr::Rcx, Gpr::R11, midstride_asm::Scale::X1, 0));
        let hit = w.new_label();
        w.jrcxz(hit);
        w.mov_rm(Width::W64, Gpr::Rcx, rcx);
        state(w, Restore::R11);
        w.jmp_to(miss);
        w.bind(hit);
        state(w, Restore::R11.and(Restore::RCX));
        w.mov_rm(Width::W64, Gpr::Rcx, rcx);
        state(w, Restore::R11);
    }
    if live.gprs.contains(Gpr::R11) {
        w.mov_rm(Width::W64, Gpr::R11, env.slots.slot(Slot::R11));
    }
}

/// The state before and in a landing, at `cache_offset`.
pub(crate) fn landing_record(landing: Landing, cache_offset: u16) -> Record {
    Record { cache_offset, app_offset: 0, at: landing.state(), restore: Restore::R11, borrowed: Gpr::Rax }
}

/// The state behind a landing: the program is at the block's start.
pub(crate) fn entered_record(at: CodeOffset) -> Record {
    let cache_offset = at.get() as u16;
    Record { cache_offset, app_offset: 0, at: Where::Fixed, restore: Restore::NONE, borrowed: Gpr::Rax }
}

/// What a landing asks of a block's liveness.
pub(crate) fn landing_live(draft: &Draft, scanner: &mut Scanner) -> Live {
    let asked = Live { gprs: GprSet::of(Gpr::R11), flags: FlagSet::STATUS };
    live_at_entry(draft, scanner, asked)
}

impl Emitter<'_, '_> {
    /// Writes a landing in front of the block, its miss stub in the cold slab.
    pub(super) fn landing(&mut self, landing: Landing, draft: &Draft, scanner: &mut Scanner) {
        let live = landing_live(draft, scanner);
        let miss = self.cold.pc();
        self.cold.jmp_m(self.env.doors.door(landing.door()));
        let records = &mut *self.records;
        landing_code(&mut self.hot, &self.env, landing, self.app, live, miss, |record| records.push(record));
    }
}
