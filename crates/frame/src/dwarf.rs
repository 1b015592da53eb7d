//! DWARF register numbers (System V ABI for AMD64, table 3.36).

use crate::register::Register;

/// DWARF numbers of the general registers, by hardware number.
const GPR: [u16; 16] = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];

/// The other registers: first DWARF number, first register, how many.
const RANGES: [(u16, Option<Register>, u8); 10] = [
    (16, Some(Register::RIP), 1),
    (17, Register::vector(0), 16),
    (33, Register::x87(0), 8),
    (49, Some(Register::RFLAGS), 1),
    (58, Some(Register::FS_BASE), 2),
    (64, Some(Register::MXCSR), 1),
    (65, Some(Register::FCW), 1),
    (66, Some(Register::FSW), 1),
    (67, Register::vector(16), 16),
    (118, Register::mask(0), 8),
];

/// The number that call frame information uses for `register`. rip stands for the return address.
///
/// ```
/// use midstride_frame::{Register, dwarf};
///
/// assert_eq!(dwarf::number(Register::RSP), Some(7));
/// assert_eq!(dwarf::register(16), Some(Register::RIP));
/// assert_eq!(dwarf::register(50), None); // es: not a register of ours
/// ```
#[must_use]
pub fn number(register: Register) -> Option<u16> {
    if let Some(gpr) = register.gpr_number() {
        return Some(GPR[usize::from(gpr)]);
    }
    RANGES.iter().find_map(|&(dwarf, first, count)| {
        let offset = register.to_byte().checked_sub(first?.to_byte())?;
        (offset < count).then(|| dwarf + u16::from(offset))
    })
}

/// The register that call frame information means by `number`.
#[must_use]
pub fn register(number: u16) -> Option<Register> {
    if let Some(gpr) = GPR.iter().position(|&dwarf| dwarf == number) {
        return Register::gpr(gpr as u8);
    }
    RANGES.iter().find_map(|&(dwarf, first, count)| {
        let offset = u8::try_from(number.checked_sub(dwarf)?).ok()?;
        (offset < count).then(|| Register::from_byte(first?.to_byte() + offset))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_register_has_a_number_of_its_own() {
        let all: Vec<Register> = (0..=255).filter_map(Register::from_byte).collect();
        for register in &all {
            assert_eq!(number(*register).and_then(super::register), Some(*register), "{register}");
        }
        let known = (0..=u16::MAX).filter_map(super::register).count();
        assert_eq!(known, all.len());
    }

    #[test]
    fn numbers_are_those_of_the_abi() {
        let spots = [
            (Register::RDX, 1),
            (Register::RCX, 2),
            (Register::RSI, 4),
            (Register::R15, 15),
            (Register::RFLAGS, 49),
            (Register::GS_BASE, 59),
            (Register::vector(15).unwrap(), 32),
            (Register::vector(31).unwrap(), 82),
            (Register::mask(7).unwrap(), 125),
        ];
        for (register, expected) in spots {
            assert_eq!(number(register), Some(expected), "{register}");
        }
    }
}
