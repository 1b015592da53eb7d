//! Decoding: where instructions end, and what is none.

use midstride_addr::AppPc;
use midstride_relocate::{DecodeError, Insn, InsnIter, decode};
use midstride_testkit::arbitrary::Unstructured;
use midstride_testkit::{Random, block_bytes, instruction};

use crate::copy::{PC, insn};

#[test]
fn an_instruction_knows_its_place_and_its_bytes() {
    let insn = insn(&[0x48, 0x8b, 0x05, 0x10, 0x00, 0x00, 0x00, 0xc3]);
    assert_eq!((insn.pc(), insn.next_pc(), insn.len()), (PC, PC.add(7), 7));
    assert_eq!(insn.bytes(), [0x48, 0x8b, 0x05, 0x10, 0x00, 0x00, 0x00]);
    assert_eq!(insn.iced().ip_rel_memory_address(), PC.add(7 + 0x10).get());
}

#[test]
fn an_instruction_fits_a_cache_line() {
    assert!(size_of::<Insn>() <= 56);
}

#[test]
fn every_cut_through_an_instruction_is_told_from_an_invalid_one() {
    let mut random = Random::new(1);
    for _ in 0..3000 {
        let data = random.bytes(256);
        let bytes = instruction(&mut Unstructured::new(&data)).unwrap();
        for available in 0..bytes.len() {
            let cut = decode(&bytes[..available], PC);
            match cut {
                Err(error) => assert_eq!(error, DecodeError::Truncated { pc: PC, available }, "{bytes:02x?}"),
                // `9b` is an instruction of its own and the first byte of `finit` and its like.
                Ok(insn) => panic!("{bytes:02x?} cut to {available} is {insn:?}"),
            }
        }
        assert_eq!(decode(&bytes, PC).unwrap().bytes(), bytes);
    }
}

#[test]
fn sixteen_bytes_are_no_instruction() {
    let mut bytes = [0x66; 16];
    (bytes[13], bytes[14]) = (0x89, 0xc0);
    assert_eq!(decode(&bytes, PC).unwrap().len(), 15);
    (bytes[14], bytes[15]) = (0x89, 0xc0);
    assert_eq!(decode(&bytes, PC).unwrap_err(), DecodeError::TooLong { pc: PC });
    assert_eq!(decode(&[0x66; 15], PC).unwrap_err(), DecodeError::TooLong { pc: PC });
    assert_eq!(decode(&[0x66; 14], PC).unwrap_err(), DecodeError::Truncated { pc: PC, available: 14 });
    let removed = [0x66, 0x06].repeat(8);
    assert_eq!(decode(&removed, PC).unwrap_err(), DecodeError::Invalid { pc: PC, examined: 2 });
}

#[test]
fn bytes_that_64_bit_mode_gave_up_are_invalid_before_the_next_byte_is_seen() {
    // push es, daa, pusha, call far, aam, into, salc, jmp far
    for byte in [0x06, 0x27, 0x60, 0x9a, 0xd4, 0xce, 0xd6, 0xea] {
        let error = decode(&[byte], PC).unwrap_err();
        assert_eq!(error, DecodeError::Invalid { pc: PC, examined: 1 }, "{byte:#x}");
        let error = decode(&[0x66, 0x48, byte, 0, 0, 0, 0, 0, 0, 0, 0, 0], PC).unwrap_err();
        assert_eq!(error, DecodeError::Invalid { pc: PC, examined: 3 }, "{byte:#x}");
    }
}

#[test]
fn iteration_ends_with_what_is_no_instruction() {
    let code = [0x90, 0x06, 0x90];
    let mut insns = InsnIter::new(&code, PC);
    assert_eq!(insns.next().unwrap().unwrap().pc(), PC);
    let error = insns.next().unwrap().unwrap_err();
    assert_eq!(error, DecodeError::Invalid { pc: PC.add(1), examined: 1 });
    assert!(insns.next().is_none() && insns.next().is_none());
    assert_eq!((insns.pc(), insns.position()), (PC.add(1), 1));
}

#[test]
fn iteration_over_whole_instructions_ends_without_an_error() {
    let mut insns = InsnIter::new(&[0x90, 0x90], AppPc::new(u64::MAX));
    assert_eq!(insns.by_ref().filter_map(Result::ok).count(), 2);
    assert_eq!((insns.pc(), insns.position()), (AppPc::new(1), 2));
}

#[test]
fn iteration_and_single_decoding_agree() {
    let mut random = Random::new(2);
    for _ in 0..300 {
        let data = random.bytes(4096);
        let code = block_bytes(&mut Unstructured::new(&data)).unwrap();
        let mut position = 0;
        for item in InsnIter::new(&code, PC) {
            let single = decode(&code[position..], PC.add(position as u64));
            match (item, single) {
                (Ok(item), Ok(single)) => {
                    assert!(item.iced().eq_all_bits(single.iced()));
                    assert_eq!(item.bytes(), single.bytes());
                    position += item.len();
                }
                (item, single) => assert_eq!(item.unwrap_err(), single.unwrap_err()),
            }
        }
    }
}

#[test]
fn errors_speak_in_hexadecimal() {
    let truncated = decode(&[0x48; 10], PC).unwrap_err().to_string();
    assert_eq!(truncated, "instruction at 0x140001000 does not end within the 0xa bytes at hand");
    let too_long = decode(&[0x66; 15], PC).unwrap_err().to_string();
    assert_eq!(too_long, "no instruction within the 0xf bytes at 0x140001000");
    let invalid = decode(&[0x06], PC).unwrap_err().to_string();
    assert_eq!(invalid, "no known instruction at 0x140001000 (0x1 bytes examined)");
}
