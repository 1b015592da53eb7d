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
        for (at, piece) in pieces(&code[..draft.range().len() as usize]) {
            self.compare(start.add(at as u64).get(), piece, near, stale);
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
        match piece {
            Piece::Dword(_) => self.hot.mov_rm(Width::W32, Gpr::Rcx, from),
            Piece::Byte(_) => self.hot.movzx_rm8(Gpr::Rcx, from),
        }
        let expected = match piece {
            Piece::Dword(value) => value,
            Piece::Byte(value) => i32::from(value),
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
    Byte(u8),
}

/// Pieces that cover `bytes` and lie inside them: dwords, of which the last may overlap the one before, or single
/// bytes where there is no dword.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = (usize, Piece)> + '_ {
    let step = if bytes.len() < 4 { 1 } else { 4 };
    (0..bytes.len()).step_by(step).filter_map(move |at| {
        let at = at.min(bytes.len() - step);
        let piece = match bytes.get(at..at + 4) {
            Some(dword) if step == 4 => Piece::Dword(i32::from_le_bytes(dword.try_into().ok()?)),
            _ => Piece::Byte(*bytes.get(at)?),
        };
        Some((at, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_covered_and_none_outside() {
        for len in 0..=20usize {
            let bytes: [u8; 20] = core::array::from_fn(|at| at as u8);
            let mut covered = [0; 20];
            for (at, piece) in pieces(&bytes[..len]) {
                let width = if matches!(piece, Piece::Dword(_)) { 4 } else { 1 };
                covered[at..at + width].iter_mut().for_each(|count| *count += 1);
            }
            assert!(covered[..len].iter().all(|&count| count > 0), "{len} bytes: {covered:?}");
            assert!(covered[len..].iter().all(|&count| count == 0), "{len} bytes: {covered:?}");
        }
    }
}
