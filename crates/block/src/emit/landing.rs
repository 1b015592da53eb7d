//! Landings: where indirect branches enter a block, having jumped through a table by 16 bits of their
//! target only. The landing compares the rest.

use midstride_addr::{AppPc, CodeOffset};
use midstride_asm::{Gpr, Mem, Scale, Width, Writer};

use super::{BuildError, Emitter, Env, Rotate};
use crate::record::{Record, Restore, Where};
use crate::slots::Slot;

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
}

/// Writes a landing for the block at `app` and reports what its bytes mean; it falls through into the
/// block. For any other target control goes where the word `next` says (to another landing, or the gate's
/// door), with rcx in its slot.
///
/// No flag changes: whoever else the branch meant may still need them. The whole target is compared, by
/// operations that can be undone (so that 0 comes out for `app` only):
///
/// ```text
/// app below 2 GiB              with BMI2                        else
/// mov   rcx, <target>          mov   rcx, <target>              mov   gs:[r11], r11
/// lea   rcx, [rcx - app]       lea   rcx, [rcx - low half]      movabs r11, -app
/// jrcxz hit                    rorx  rcx, rcx, 32               mov   rcx, <target>
/// jmp   [next]                 lea   rcx, [rcx - high half]     lea   rcx, [rcx + r11]
/// hit:                         jrcxz hit                        mov   r11, gs:[r11]
/// mov   rcx, gs:[rcx]          jmp   [next]                     jrcxz hit
///                        hit:  mov   rcx, gs:[rcx]              jmp   [next]
///                                                         hit:  mov   rcx, gs:[rcx]
/// ```
pub(crate) fn landing_code(
    w: &mut Writer<'_>,
    env: &Env,
    landing: Landing,
    app: AppPc,
    next: Mem,
    mut note: impl FnMut(Record),
) {
    note(landing_record(landing, w.offset(), Restore::RCX));
    subtract(w, env, landing, app, &mut note);
    let hit = w.new_label();
    w.jrcxz(hit);
    w.jmp_m(next);
    w.bind(hit);
    // Even where the block never reads it: a signal handler sees it, and code may change.
    w.mov_rm(Width::W64, Gpr::Rcx, env.slots.slot(Slot::Rcx));
}

/// Lets rcx be 0 if and only if the target is `app`.
fn subtract(w: &mut Writer<'_>, env: &Env, landing: Landing, app: AppPc, note: &mut impl FnMut(Record)) {
    let target = landing.target(env);
    let minus = |value: i32| Mem::base(Gpr::Rcx, value.wrapping_neg());
    let low = app.get() as i32;
    // What is left in the upper half once the low half is 0: the subtracted number is sign-extended.
    let rest = app.get().wrapping_add(i64::from(low.wrapping_neg()) as u64) >> 32;
    let rotated = i32::try_from(rest).ok().filter(|_| env.rotate == Rotate::Rorx);
    if app.get() <= i32::MAX as u64 {
        w.mov_rm(Width::W64, Gpr::Rcx, target);
        w.lea(Width::W64, Gpr::Rcx, minus(low));
    } else if let Some(rest) = rotated {
        w.mov_rm(Width::W64, Gpr::Rcx, target);
        w.lea(Width::W64, Gpr::Rcx, minus(low));
        w.rorx_rri(Width::W64, Gpr::Rcx, Gpr::Rcx, 32);
        w.lea(Width::W64, Gpr::Rcx, minus(rest));
    } else {
        let r11 = env.slots.slot(Slot::R11);
        w.mov_mr(Width::W64, r11, Gpr::R11);
        note(landing_record(landing, w.offset(), Restore::RCX.and(Restore::R11)));
        w.movabs(Gpr::R11, app.get().wrapping_neg());
        w.mov_rm(Width::W64, Gpr::Rcx, target);
        w.lea(Width::W64, Gpr::Rcx, Mem::base_index(Gpr::Rcx, Gpr::R11, Scale::X1, 0));
        w.mov_rm(Width::W64, Gpr::R11, r11);
        note(landing_record(landing, w.offset(), Restore::RCX));
    }
}

/// The state in a landing.
fn landing_record(landing: Landing, at: CodeOffset, restore: Restore) -> Record {
    let cache_offset = at.get() as u16;
    Record { cache_offset, app_offset: 0, at: landing.state(), restore, borrowed: Gpr::Rax }
}

/// The state behind a landing: the program is at the block's start.
pub(crate) fn entered_record(at: CodeOffset) -> Record {
    let cache_offset = at.get() as u16;
    Record { cache_offset, app_offset: 0, at: Where::Fixed, restore: Restore::NONE, borrowed: Gpr::Rax }
}

impl Emitter<'_, '_> {
    /// Writes a landing in front of the block.
    pub(super) fn landing(&mut self, landing: Landing) -> Result<(), BuildError> {
        let next = self.own_word()?;
        let records = &mut *self.records;
        landing_code(&mut self.hot, &self.env, landing, self.app, next, |record| records.push(record));
        Ok(())
    }
}
