//! Arbitrary bytes: nothing panics, and what is copied means the same.

use midstride_addr::{AppPc, CachePc};
use midstride_asm::{Gpr, Writer};
use midstride_relocate::{
    DecodeError, Effects, GprSet, Insn, InsnIter, Live, MAX_INSN_BYTES, RelocateError, Scanner, flag_effects,
    live_in, load_target,
};
use midstride_testkit::arbitrary::Unstructured;
use midstride_testkit::{Random, block_bytes};

use crate::copy::{FAR, NEAR, copy};

/// Everything there is to ask about one instruction.
fn exercise(insn: &Insn, at: CachePc, free: GprSet, scanner: &mut Scanner) {
    let effects = scanner.effects(insn);
    let accounted = effects.gpr_read | effects.gpr_written;
    assert!(effects.gpr_touched.contains_all(accounted), "{insn:?}: {effects:?}");
    let of_flags = |e: Effects| [e.flags_read, e.flags_written, e.flags_undefined, e.flags_overwritten];
    assert_eq!(of_flags(flag_effects(insn)), of_flags(effects), "{insn:?}");
    assert!(effects.flags_written.contains(effects.flags_overwritten | effects.flags_undefined));
    let live = live_in(&effects, Live::NOTHING);
    assert_eq!((live.gprs, live.flags), (effects.gpr_read, effects.flags_read));
    match copy(insn, at, free) {
        Ok(copied) => copied.assert_equivalent(insn),
        Err(RelocateError::Transfer { .. }) => assert!(!insn.flow().is_copyable()),
        Err(error) => panic!("{insn:?}: {error}"),
    }
    let mut buffer = [0; 2 * MAX_INSN_BYTES];
    let _ = load_target(insn, &mut Writer::new(&mut buffer, at), Gpr::R11);
}

fn exercise_all(code: &[u8], pc: AppPc, random: &mut Random, scanner: &mut Scanner) -> usize {
    let mut count = 0;
    for item in InsnIter::new(code, pc) {
        let at = [NEAR, FAR][random.below(2) as usize];
        let free = GprSet::from_bits(random.next_u64() as u16);
        match item {
            Ok(insn) => exercise(&insn, at, free, scanner),
            Err(DecodeError::Truncated { available, .. }) => assert!(available < MAX_INSN_BYTES),
            Err(DecodeError::Invalid { examined, .. }) => assert!((1..=MAX_INSN_BYTES).contains(&examined)),
            Err(DecodeError::TooLong { .. }) => assert!(code.len() >= MAX_INSN_BYTES),
            Err(error) => panic!("{error}"),
        }
        count += 1;
    }
    count
}

#[test]
fn bytes_without_structure_do_no_harm() {
    let (mut random, mut scanner) = (Random::new(3), Scanner::new());
    let counts = (0..20_000).map(|_| {
        let len = random.below(40) as usize;
        let code = random.bytes(len);
        let pc = AppPc::new(random.next_u64());
        exercise_all(&code, pc, &mut random, &mut scanner)
    });
    assert!(counts.sum::<usize>() > 60_000);
}

#[test]
fn blocks_of_all_encodings_are_copied_faithfully() {
    let (mut random, mut scanner) = (Random::new(4), Scanner::new());
    let counts = (0..2_000).map(|_| {
        let data = random.bytes(4096);
        let code = block_bytes(&mut Unstructured::new(&data)).unwrap();
        let pc = AppPc::new(0x1_4000_0000 + random.below(0x1000_0000));
        exercise_all(&code, pc, &mut random, &mut scanner)
    });
    assert!(counts.sum::<usize>() > 20_000);
}
