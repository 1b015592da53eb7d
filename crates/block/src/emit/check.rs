//! Comparing a block's program code with what it was built from.

use midstride_addr::{CachePc, rel32};
use midstride_asm::{Gpr, Mem, Width};

use super::{BuildError, Emitter};
use crate::draft::Draft;
use crate::exit::ExitKind;
use crate::record::{Restore, Where};
use crate::slots::{Door, Slot};

impl Emitter<'_, '_> {
    /// Goes to the gate unless the program's bytes are still `code`. No flag changes: what stands there
    /// now may need them.
    ///
    /// ```text
    ///        mov   gs:[rcx], rcx
    ///        mov   ecx, [rip+n]             (or by way of its address in rcx)
    ///        lea   ecx, [rcx - bytes]
    ///        jrcxz same
    ///        mov   rcx, gs:[rcx]
    ///        jmp   stale
    /// same:  …
    ///        mov   rcx, gs:[rcx]
    /// ```
    pub(super) fn check(&mut self, code: &[u8], draft: &Draft) -> Result<(), BuildError> {
        let start = self.app;
        let near = rel32(self.hot.pc().get(), start.get()).is_some_and(|far| far.unsigned_abs() < NEAR);
        self.record_here(0, Where::Fixed, Restore::NONE);
        let (stale, _) = self.stub(Door::Stale, start, start, ExitKind::Stale)?;
        self.hot.mov_mr(Width::W64, self.env.slots.slot(Slot::Rcx), Gpr::Rcx);
        self.record_here(0, Where::Fixed, Restore::RCX);
        let mut address = start.get();
        for piece in pieces(address, &code[..draft.range().len() as usize]) {
            self.compare(address, piece, near, stale);
            address += piece.bytes();
        }
        self.hot.mov_rm(Width::W64, Gpr::Rcx, self.env.slots.slot(Slot::Rcx));
        Ok(())
    }

    fn compare(&mut self, address: u64, piece: Piece, near: bool, stale: CachePc) {
        let mut from = Mem::rip(address);
        if !near {
            self.hot.movabs(Gpr::Rcx, address);
            from = Mem::base(Gpr::Rcx, 0);
        }
        let expected = match piece {
            Piece::Dword(value) => {
                self.hot.mov_rm(Width::W32, Gpr::Rcx, from);
                value
            }
            Piece::Word(value) => {
                self.hot.movzx_rm16(Gpr::Rcx, from);
                i32::from(value)
            }
            Piece::Byte(value) => {
                self.hot.movzx_rm8(Gpr::Rcx, from);
                i32::from(value)
            }
        };
        self.hot.lea(Width::W32, Gpr::Rcx, Mem::base(Gpr::Rcx, expected.wrapping_neg()));
        let same = self.hot.new_label();
        self.hot.jrcxz(same);
        self.hot.mov_rm(Width::W64, Gpr::Rcx, self.env.slots.slot(Slot::Rcx));
        self.hot.jmp_to(stale);
        self.hot.bind(same);
    }
}

/// How far the program's code may be for a rip-relative operand; the block's own size is to spare.
const NEAR: u32 = i32::MAX as u32 - (1 << 20);

/// What is compared at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece {
    Dword(i32),
    Word(u16),
    Byte(u8),
}

impl Piece {
    fn bytes(self) -> u64 {
        match self {
            Self::Dword(_) => 4,
            Self::Word(_) => 2,
            Self::Byte(_) => 1,
        }
    }
}

/// Pieces that `bytes` at an address consist of, each aligned to its size: the program may have asked for faults
/// of others (AC).
fn pieces(mut address: u64, mut bytes: &[u8]) -> impl Iterator<Item = Piece> + '_ {
    core::iter::from_fn(move || {
        let piece = match (address % 4, bytes) {
            (_, []) => return None,
            (0, [a, b, c, d, ..]) => Piece::Dword(i32::from_le_bytes([*a, *b, *c, *d])),
            (0 | 2, [a, b, ..]) => Piece::Word(u16::from_le_bytes([*a, *b])),
            (_, [a, ..]) => Piece::Byte(*a),
        };
        address += piece.bytes();
        bytes = &bytes[piece.bytes() as usize..];
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    #[test]
    fn pieces_make_up_the_bytes_and_are_aligned() {
        let bytes: [u8; 20] = core::array::from_fn(|at| at as u8);
        for (start, len) in (0..4u64).flat_map(|start| (0..=20usize).map(move |len| (start, len))) {
            let mut made: Vec<u8> = Vec::new();
            for piece in pieces(start, &bytes[..len]) {
                assert_eq!((start + made.len() as u64) % piece.bytes(), 0, "{piece:?} of {len} from {start}");
                match piece {
                    Piece::Dword(value) => made.extend(value.to_le_bytes()),
                    Piece::Word(value) => made.extend(value.to_le_bytes()),
                    Piece::Byte(value) => made.push(value),
                }
            }
            assert_eq!(made, bytes[..len]);
        }
    }
}
