//! Generators of instructions and of blocks.

use arbitrary::{Result, Unstructured};
use iced_x86::{Code, Decoder, DecoderOptions, EncodingKind};

use crate::forms::{forms, offer};

/// Attempts at a form before another instruction is taken instead.
const ATTEMPTS: usize = 6;

/// Pieces a generated block has at most.
const PIECES: usize = 48;

/// Forms that ordinary programs consist of, so that generated blocks are not all exotic.
pub(crate) const COMMON: [Code; 40] = [
    Code::Mov_r64_rm64,
    Code::Mov_rm64_r64,
    Code::Mov_r32_rm32,
    Code::Mov_rm32_imm32,
    Code::Mov_rm64_imm32,
    Code::Mov_r64_imm64,
    Code::Lea_r64_m,
    Code::Lea_r32_m,
    Code::Push_r64,
    Code::Pop_r64,
    Code::Push_rm64,
    Code::Pop_rm64,
    Code::Add_rm64_imm8,
    Code::Sub_rm64_imm8,
    Code::Cmp_rm32_imm8,
    Code::Cmp_r64_rm64,
    Code::Test_rm32_r32,
    Code::Xor_r32_rm32,
    Code::And_rm64_imm8,
    Code::Inc_rm64,
    Code::Dec_rm32,
    Code::Imul_r64_rm64_imm32,
    Code::Movzx_r32_rm8,
    Code::Movsxd_r64_rm32,
    Code::Shl_rm64_imm8,
    Code::Sete_rm8,
    Code::Cmove_r64_rm64,
    Code::Movups_xmm_xmmm128,
    Code::Movsd_xmm_xmmm64,
    Code::Mulss_xmm_xmmm32,
    Code::Cmpxchg_rm64_r64,
    Code::Stosq_m64_RAX,
    Code::Movsb_m8_m8,
    Code::Pushfq,
    Code::Popfq,
    Code::Nop_rm32,
    Code::Endbr64,
    Code::VEX_Vmovdqu_ymm_ymmm256,
    Code::VEX_Vpaddd_ymm_ymm_ymmm256,
    Code::Leaveq,
];

/// Forms that end or leave a block.
const BRANCHES: [Code; 24] = [
    Code::Je_rel8_64,
    Code::Jne_rel32_64,
    Code::Jl_rel8_64,
    Code::Jo_rel32_64,
    Code::Jmp_rel8_64,
    Code::Jmp_rel32_64,
    Code::Call_rel32_64,
    Code::Jmp_rm64,
    Code::Call_rm64,
    Code::Retnq,
    Code::Retnq_imm16,
    Code::Loop_rel8_64_RCX,
    Code::Loope_rel8_64_RCX,
    Code::Loopne_rel8_64_ECX,
    Code::Jrcxz_rel8_64,
    Code::Jecxz_rel8_64,
    Code::Syscall,
    Code::Int3,
    Code::Int_imm8,
    Code::Ud2,
    Code::Hlt,
    Code::Iretq,
    Code::Jmp_m1632,
    Code::Xbegin_rel32,
];

/// An instruction of 64-bit mode: decodable, and not longer than its bytes. All encodings come up; legacy ones
/// most, and addressing modes that depend on the instruction's own place more often than in programs.
///
/// # Errors
/// When `u` is exhausted in a way its caller must hear of; exhausted integers are zeros.
///
/// ```
/// use arbitrary::Unstructured;
/// use midstride_testkit::{Random, instruction, listing};
///
/// let data = Random::new(3).bytes(200);
/// let insn = instruction(&mut Unstructured::new(&data)).unwrap();
/// assert_eq!(listing(&insn).lines().count(), 1);
/// ```
pub fn instruction(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let code = match u.int_in_range(0..=19)? {
        0..=5 => *u.choose(&COMMON)?,
        6 => *u.choose(&BRANCHES)?,
        7..=13 => *u.choose(forms(EncodingKind::Legacy))?,
        14..=15 => *u.choose(forms(EncodingKind::VEX))?,
        16..=18 => *u.choose(forms(EncodingKind::EVEX))?,
        _ => {
            let amd = *u.choose(&[EncodingKind::XOP, EncodingKind::D3NOW])?;
            *u.choose(forms(amd))?
        }
    };
    instruction_like(code, u)
}

/// An instruction of the form `code`, or, when the random parts do not suit it several times over, a related one.
///
/// # Errors
/// As [`instruction`].
///
/// # Panics
/// When `code` does not exist in 64-bit mode.
pub fn instruction_like(code: Code, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    assert!(code.op_code().mode64(), "{code:?} does not exist in 64-bit mode");
    let mut found = vec![0x90];
    for _ in 0..ATTEMPTS {
        let mut bytes = offer(code, u)?;
        let insn = Decoder::with_ip(64, &bytes, 0, DecoderOptions::NONE).decode();
        if insn.is_invalid() {
            continue;
        }
        bytes.truncate(insn.len());
        found = bytes;
        if insn.code() == code {
            break;
        }
    }
    Ok(found)
}

/// Code as a block builder may meet it: mostly instructions, now and then a branch in the middle, bytes that
/// are none, an instruction cut short at the end.
///
/// # Errors
/// As [`instruction`].
pub fn block_bytes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut block = Vec::new();
    for _ in 0..u.int_in_range(0..=PIECES)? {
        match u.int_in_range(0..=39)? {
            0 => block.extend(u.arbitrary::<[u8; 4]>()?),
            1..=2 => block.extend(instruction_like(*u.choose(&BRANCHES)?, u)?),
            _ => block.extend(instruction(u)?),
        }
    }
    if u.ratio(1, 8)? {
        block.pop();
    } else {
        block.extend(instruction_like(*u.choose(&BRANCHES)?, u)?);
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Random;
    use crate::forms::KINDS;

    /// Forms no attempt produced.
    fn missed(kind: EncodingKind) -> BTreeSet<String> {
        let mut random = Random::new(0x6d69_6473);
        let mut reached = |code: Code| {
            (0..40).any(|_| {
                let data = random.bytes(1024);
                let bytes = instruction_like(code, &mut Unstructured::new(&data)).unwrap();
                Decoder::new(64, &bytes, DecoderOptions::NONE).decode().code() == code
            })
        };
        forms(kind).iter().filter(|&&code| !reached(code)).map(|code| format!("{code:?}")).collect()
    }

    #[test]
    fn every_form_of_64_bit_mode_is_generated() {
        for kind in KINDS {
            assert_eq!(missed(kind), BTreeSet::new(), "{kind:?}");
        }
    }

    #[test]
    fn without_randomness_there_is_still_an_instruction() {
        assert!(!instruction(&mut Unstructured::new(&[])).unwrap().is_empty());
        assert!(block_bytes(&mut Unstructured::new(&[])).unwrap().len() < 16);
    }

    #[test]
    fn equal_randomness_gives_equal_blocks() {
        let data = Random::new(11).bytes(4096);
        let block = || block_bytes(&mut Unstructured::new(&data)).unwrap();
        assert!(block().len() > 1);
        assert_eq!(block(), block());
    }
}
