//! Padding.

use crate::writer::Writer;

/// The longest single nop of the manual's list.
const LONGEST: usize = 9;

/// The recommended nops of 1 to 9 bytes (Intel SDM vol. 2, NOP, table 4-12).
const NOPS: [&[u8]; LONGEST] = [
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

impl Writer<'_> {
    /// Fills `bytes` bytes with as few nops as possible.
    pub fn nop(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 && self.error().is_none() {
            let nop = NOPS[left.min(LONGEST) - 1];
            self.bytes(nop);
            left -= nop.len();
        }
    }

    /// Fills with nops until the next instruction's address is a multiple of `alignment` (of 0: never
    /// anything).
    pub fn align(&mut self, alignment: u32) {
        let past = self.pc().get().checked_rem(alignment.into()).unwrap_or(0);
        if past > 0 {
            self.nop((u64::from(alignment) - past) as usize);
        }
    }
}
