//! Effects on flags, corrected where iced's tables are a step too sure.

use iced_x86::{Instruction, Mnemonic, OpKind, Register, RflagsBits};

use crate::effects::Effects;
use crate::sets::FlagSet;

/// iced's flag bits, and ours.
const BITS: [(u32, FlagSet); 7] = [
    (RflagsBits::OF, FlagSet::OF),
    (RflagsBits::SF, FlagSet::SF),
    (RflagsBits::ZF, FlagSet::ZF),
    (RflagsBits::AF, FlagSet::AF),
    (RflagsBits::CF, FlagSet::CF),
    (RflagsBits::PF, FlagSet::PF),
    (RflagsBits::DF, FlagSet::DF),
];

/// Ours for each combination of iced's low seven bits; it keeps untracked flags above them.
const TRANSLATED: [u16; 128] = {
    let mut table = [0; 128];
    let mut bits = 0;
    while bits < table.len() {
        let mut flag = 0;
        while flag < BITS.len() {
            if bits as u32 & BITS[flag].0 != 0 {
                table[bits] |= BITS[flag].1.bits();
            }
            flag += 1;
        }
        bits += 1;
    }
    table
};

fn translated(bits: u32) -> FlagSet {
    FlagSet::from_bits(TRANSLATED[bits as usize % TRANSLATED.len()])
}

/// The effects of `iced` on flags; no registers, no memory.
pub(crate) fn effects(iced: &Instruction) -> Effects {
    let written = translated(iced.rflags_modified());
    if written.is_empty() {
        return unwritten(iced);
    }
    let undefined = translated(iced.rflags_undefined());
    Effects {
        flags_read: translated(iced.rflags_read()),
        flags_written: written,
        flags_undefined: undefined,
        flags_overwritten: overwritten(iced, written, undefined),
        ..Effects::NOTHING
    }
}

/// The effects of an instruction that iced thinks writes no flags.
fn unwritten(iced: &Instruction) -> Effects {
    // All the way round through CF: the value is the old one, but OF is computed.
    let round = ROTATES_THROUGH_CARRY.contains(&iced.mnemonic()) && iced.immediate8() & 0x1f != 0;
    let (read, written) = if round { (FlagSet::CF, FlagSet::CF | FlagSet::OF) } else { NEITHER };
    Effects {
        flags_read: translated(iced.rflags_read()) | read,
        flags_written: written,
        flags_undefined: written,
        ..Effects::NOTHING
    }
}

const NEITHER: (FlagSet, FlagSet) = (FlagSet::EMPTY, FlagSet::EMPTY);

const ROTATES_THROUGH_CARRY: [Mnemonic; 2] = [Mnemonic::Rcl, Mnemonic::Rcr];

/// Logic instructions. The manual leaves AF undefined behind them; every processor clears it, and if it
/// stayed live, `test` and `xor` would keep AF alive through most code.
const LOGIC: [Mnemonic; 4] = [Mnemonic::And, Mnemonic::Or, Mnemonic::Xor, Mnemonic::Test];

/// Shifts and rotates that leave the flags alone when the masked count is zero.
const COUNTED: [Mnemonic; 10] = [
    Mnemonic::Shl,
    Mnemonic::Sal,
    Mnemonic::Shr,
    Mnemonic::Sar,
    Mnemonic::Rol,
    Mnemonic::Ror,
    Mnemonic::Rcl,
    Mnemonic::Rcr,
    Mnemonic::Shld,
    Mnemonic::Shrd,
];

/// Which of the `written` flags are certain to lose their old value.
fn overwritten(iced: &Instruction, written: FlagSet, undefined: FlagSet) -> FlagSet {
    let mnemonic = iced.mnemonic();
    if LOGIC.contains(&mnemonic) {
        written
    } else if iced.is_string_instruction() && (iced.has_rep_prefix() || iced.has_repne_prefix()) {
        // Compares nothing when rcx is zero.
        FlagSet::EMPTY
    } else if COUNTED.contains(&mnemonic) && !is_certain(iced) {
        FlagSet::EMPTY
    } else {
        written.minus(undefined)
    }
}

/// Whether the count is known, and in the range for which the manual defines results; iced looks only at
/// counts of zero and one.
fn is_certain(iced: &Instruction) -> bool {
    let count = iced.op_count() - 1;
    match iced.op_kind(count) {
        OpKind::Register => iced.op_register(count) != Register::CL,
        _ => {
            let bits = if iced.op0_kind() == OpKind::Register {
                iced.op0_register().size() * 8
            } else {
                iced.memory_size().size() * 8
            };
            usize::from(iced.immediate8() & 0x1f) < bits || bits >= 32
        }
    }
}
