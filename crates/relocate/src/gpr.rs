//! iced's register names as register numbers.

use iced_x86::{Instruction, OpKind, Register};
use midstride_asm::Gpr;

use crate::sets::GprSet;

/// iced lists the general-purpose registers first, by width; AH, CH, DH and BH follow BL.
const NAMES: usize = Register::R15 as usize + 1;

/// The register that each name is a part of.
const SETS: [u16; NAMES] = {
    let mut sets = [0; NAMES];
    let mut name = Register::AL as usize;
    while name < NAMES {
        sets[name] = 1 << number(name);
        name += 1;
    }
    sets
};

const fn number(name: usize) -> usize {
    const AX: usize = Register::AX as usize;
    const HIGH: usize = Register::AH as usize;
    match name {
        AX.. => (name - AX) % 16,
        // AH is part of rax, and the names behind BH go on with SPL, number 4.
        HIGH.. => name - HIGH,
        _ => name - Register::AL as usize,
    }
}

/// The register `name` is a part of; empty for everything but general-purpose registers.
pub(crate) fn set_of(name: Register) -> GprSet {
    GprSet::from_bits(SETS.get(name as usize).copied().unwrap_or(0))
}

/// The register `name` is a part of, if it is a general-purpose one.
pub(crate) fn of(name: Register) -> Option<Gpr> {
    Gpr::from_number(set_of(name).bits().trailing_zeros() as u8)
}

/// Whether a write to `name` replaces all 64 bits: it is 64 bits wide, or 32 and clears the rest.
pub(crate) fn is_whole(name: Register) -> bool {
    name >= Register::EAX
}

/// Whether `name` is AH, CH, DH or BH, which exist only without REX.
pub(crate) fn is_high_byte(name: Register) -> bool {
    (Register::AH..=Register::BH).contains(&name)
}

/// The registers an instruction names as operands; those of memory operands are not among them.
pub(crate) fn operands(iced: &Instruction) -> impl Iterator<Item = Register> + '_ {
    (0..iced.op_count())
        .filter(|&operand| iced.op_kind(operand) == OpKind::Register)
        .map(|operand| iced.op_register(operand))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_register_is_that_register() {
        for gpr in Gpr::ALL {
            let n = gpr.number() as u32;
            let wide = [Register::AX, Register::EAX, Register::RAX].map(|first| first + n);
            assert_eq!(wide.map(set_of), [GprSet::of(gpr); 3]);
            let low = if n < 4 { Register::AL + n } else { Register::SPL + (n - 4) };
            assert_eq!(set_of(low), GprSet::of(gpr));
        }
        assert_eq!(set_of(Register::AH), GprSet::of(Gpr::Rax));
        assert_eq!(set_of(Register::BH), GprSet::of(Gpr::Rbx));
    }

    #[test]
    fn other_registers_are_no_general_purpose_registers() {
        for other in [Register::None, Register::RIP, Register::FS, Register::XMM0, Register::K1] {
            assert_eq!(set_of(other), GprSet::EMPTY);
        }
    }
}
