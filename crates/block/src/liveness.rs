//! Where in a block the program needs no flags.

use midstride_relocate::{FlagSet, flag_effects};

use crate::draft::{Draft, Probe, Step};

/// The first instruction from `first` on before which no arithmetic flag is needed any more. Behind the block, and
/// where a callout looks at the program's state, all are.
pub(crate) fn first_without_flags(draft: &Draft, first: usize) -> Option<usize> {
    let (mut candidate, mut needed) = (first, FlagSet::STATUS);
    for (index, step) in draft.steps().enumerate().skip(first) {
        let (read, overwritten) = effects(step);
        if !read.intersection(needed).is_empty() {
            // What is read here was not overwritten since the candidate, so that it is needed before each
            // instruction from there to here.
            (candidate, needed) = (index + 1, FlagSet::STATUS);
            continue;
        }
        needed = needed.minus(overwritten);
        if needed.is_empty() {
            return Some(candidate);
        }
    }
    None
}

/// The flags that a step reads, and those that it certainly overwrites.
fn effects(step: &Step) -> (FlagSet, FlagSet) {
    if matches!(step.probe(), Some(Probe::Callout { .. })) {
        return (FlagSet::ALL, FlagSet::EMPTY);
    }
    if !step.is_kept() {
        return (FlagSet::EMPTY, FlagSet::EMPTY);
    }
    let effects = flag_effects(step.insn());
    (effects.flags_read, effects.flags_overwritten)
}

#[cfg(test)]
mod tests {
    use midstride_addr::AppPc;
    use midstride_relocate::{Live, Scanner, live_in};

    use super::*;

    /// By liveness from the end on, which the scan makes do without.
    fn by_liveness(draft: &Draft, scanner: &mut Scanner, first: usize) -> Option<usize> {
        let (mut live, mut found) = (Live::EVERYTHING, None);
        for (index, step) in (first..draft.len()).rev().zip(draft.steps().rev()) {
            if step.is_kept() {
                live = live_in(&scanner.effects(step.insn()), live);
            }
            if matches!(step.probe(), Some(Probe::Callout { .. })) {
                live = Live::EVERYTHING;
            }
            if live.flags.intersection(FlagSet::STATUS).is_empty() {
                found = Some(index);
            }
        }
        found
    }

    #[test]
    fn the_scan_finds_what_liveness_finds() {
        // Instructions that read, write, keep or leave undefined different flags, in any order.
        const PIECES: [&[u8]; 14] = [
            &[0x90],                   // nop
            &[0x11, 0xf0],             // adc eax, esi
            &[0x85, 0xff],             // test edi, edi
            &[0xff, 0xc0],             // inc eax
            &[0x0f, 0x92, 0xc0],       // setb al
            &[0xd3, 0xe0],             // shl eax, cl
            &[0x0f, 0xaf, 0xc1],       // imul eax, ecx
            &[0x9c],                   // pushf
            &[0x9e],                   // sahf
            &[0x0f, 0xbc, 0xc1],       // bsf eax, ecx
            &[0xf3, 0x0f, 0xbc, 0xc1], // tzcnt eax, ecx
            &[0xd1, 0xd0],             // rcl eax, 1
            &[0x39, 0xc8],             // cmp eax, ecx
            &[0xf8],                   // clc
        ];
        let (mut random, mut found) = (1u64, 0);
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        let (mut scanner, mut draft) = (Scanner::new(), Draft::empty());
        for _ in 0..5000 {
            let (mut code, mut bytes) = ([0; 64], 0);
            for _ in 0..=next(7) {
                let piece = PIECES[next(PIECES.len())];
                code[bytes..][..piece.len()].copy_from_slice(piece);
                bytes += piece.len();
            }
            draft.read(&code[..bytes], AppPc::new(0x1000), 128);
            match next(4) {
                0 => draft.drop_insn(next(draft.len())),
                1 => draft.set_probe(next(draft.len()), Probe::Callout { id: 0 }),
                _ => {}
            }
            let expected = by_liveness(&draft, &mut scanner, 0);
            assert_eq!(first_without_flags(&draft, 0), expected, "{:02x?}", &code[..bytes]);
            found += usize::from(expected.is_some());
        }
        assert!((1000..4000).contains(&found), "{found} of 5000 need no flags somewhere");
    }
}
