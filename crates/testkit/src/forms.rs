//! Every instruction form of 64-bit mode, and bytes that have a good chance to be one.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use iced_x86::{Code, EncodingKind, MandatoryPrefix, OpCodeInfo, OpCodeTableKind};

/// Bytes offered to the decoder: more than any instruction has.
const OFFERED: usize = 24;

/// The forms that exist in 64-bit mode and are encoded as `kind`. `wait` pairs (`finit` and others), which are
/// two instructions to the processor, are left out.
pub(crate) fn forms(kind: EncodingKind) -> &'static [Code] {
    static FORMS: OnceLock<Vec<Vec<Code>>> = OnceLock::new();
    &FORMS.get_or_init(|| KINDS.iter().map(|&kind| forms_of(kind)).collect())[kind_index(kind)]
}

/// Forms that iced names but does not decode.
const UNDECODABLE: [Code; 1] = [Code::Montmul_64];

/// The encodings that are generated.
pub(crate) const KINDS: [EncodingKind; 5] =
    [EncodingKind::Legacy, EncodingKind::VEX, EncodingKind::EVEX, EncodingKind::XOP, EncodingKind::D3NOW];

fn kind_index(kind: EncodingKind) -> usize {
    KINDS.iter().position(|&known| known == kind).expect("only kinds in the table are asked for")
}

fn forms_of(kind: EncodingKind) -> Vec<Code> {
    let exists = |code: &Code| {
        let info = code.op_code();
        info.encoding() == kind
            && info.is_instruction()
            && info.mode64()
            && info.intel_decoder64()
            && !info.fwait()
            && info.decoder_option() == 0
            && !UNDECODABLE.contains(code)
    };
    Code::values().filter(exists).collect()
}

/// Bytes shaped like `code`: prefixes, opcode and the fixed parts of ModRM as the manual has them, the rest
/// random. They may turn out to be a neighbouring form, or none.
pub(crate) fn offer(code: Code, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let info = code.op_code();
    let mut bytes = Vec::with_capacity(OFFERED + 8);
    match info.encoding() {
        EncodingKind::VEX => vex(info, u, &mut bytes)?,
        EncodingKind::XOP => three_byte(0x8f, info, u, &mut bytes)?,
        EncodingKind::EVEX => evex(info, u, &mut bytes)?,
        EncodingKind::D3NOW => return three_d_now(info, u),
        _ => legacy(info, u, &mut bytes)?,
    }
    opcode(info, &mut bytes);
    operands(info, u, &mut bytes)?;
    Ok(bytes)
}

/// `[segment] [67] [f0|f2|f3] [66] [mandatory] [REX] [escape]`
fn legacy(info: &OpCodeInfo, u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    optional_prefixes(info, u, bytes)?;
    let mandatory = [None, None, Some(0x66), Some(0xf3), Some(0xf2)];
    bytes.extend(mandatory[info.mandatory_prefix() as usize]);
    rex(info, u, bytes)?;
    let escape: &[u8] = match info.table() {
        OpCodeTableKind::T0F => &[0x0f],
        OpCodeTableKind::T0F38 => &[0x0f, 0x38],
        OpCodeTableKind::T0F3A => &[0x0f, 0x3a],
        _ => &[],
    };
    bytes.extend(escape);
    Ok(())
}

fn optional_prefixes(info: &OpCodeInfo, u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    const SEGMENTS: [u8; 6] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
    if u.ratio(1, 8)? {
        bytes.push(*u.choose(&SEGMENTS)?);
    }
    if info.address_size() == 32 || u.ratio(1, 10)? {
        bytes.push(0x67);
    }
    let repeats = info.can_use_rep_prefix() || info.can_use_bnd_prefix();
    if repeats && u.ratio(1, 3)? {
        bytes.push(*u.choose(&[0xf2, 0xf3])?);
    } else if info.can_use_lock_prefix() && u.ratio(1, 3)? {
        bytes.push(0xf0);
    }
    if info.operand_size() == 16 && info.mandatory_prefix() != MandatoryPrefix::P66 {
        bytes.push(0x66);
    }
    Ok(())
}

/// `0100 W R X B`, or nothing.
fn rex(info: &OpCodeInfo, u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let wide = match info.operand_size() {
        64 => !info.default_op_size64() || u.ratio(1, 8)?,
        0 => u.ratio(1, 8)?,
        _ => false,
    };
    if wide || u.ratio(1, 2)? {
        bytes.push(0x40 | u8::from(wide) << 3 | (u.arbitrary::<u8>()? & 7));
    }
    Ok(())
}

/// `c5 [~R ~vvvv L pp]` where the form has one and chance wills it, else three bytes.
fn vex(info: &OpCodeInfo, u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let short = info.table() == OpCodeTableKind::T0F && (info.is_wig() || info.w() == 0);
    if !(short && u.arbitrary()?) {
        return three_byte(0xc4, info, u, bytes);
    }
    let vvvv = unused_or_random(u, 0x78)?;
    let inverted_r = u.arbitrary::<u8>()? & 0x80;
    bytes.extend([0xc5, inverted_r | vvvv | vector_length(info, u)? << 2 | packed_prefix(info)]);
    Ok(())
}

/// `c4|8f [~R ~X ~B mmmmm] [W ~vvvv L pp]`
fn three_byte(escape: u8, info: &OpCodeInfo, u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let registers = u.arbitrary::<u8>()? & 0xe0;
    let vvvv = unused_or_random(u, 0x78)?;
    let last = wide(info, u)? | vvvv | vector_length(info, u)? << 2 | packed_prefix(info);
    bytes.extend([escape, registers | map_number(info), last]);
    Ok(())
}

/// `62 [~R ~X ~B ~R' 0 mmm] [W ~vvvv 1 pp] [z L'L b ~V' aaa]`
fn evex(info: &OpCodeInfo, u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let registers = u.arbitrary::<u8>()? & 0xf0;
    let vvvv = unused_or_random(u, 0x78)?;
    let v_high = unused_or_random(u, 0x08)?;
    let mask = if info.require_op_mask_register() || (info.can_use_op_mask_register() && u.arbitrary()?) {
        u.int_in_range(1..=7)?
    } else {
        0
    };
    let zero = u8::from(mask != 0 && info.can_use_zeroing_masking() && u.arbitrary()?) << 7;
    let broadcast = u8::from(info.can_broadcast() && u.arbitrary()?) << 4;
    bytes.extend([
        0x62,
        registers | map_number(info),
        wide(info, u)? | vvvv | 4 | packed_prefix(info),
        zero | vector_length(info, u)? << 5 | broadcast | v_high | mask,
    ]);
    Ok(())
}

/// `0f 0f /r suffix`, between registers: elsewhere the suffix stands behind the displacement.
fn three_d_now(info: &OpCodeInfo, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(vec![0x0f, 0x0f, 0xc0 | u.arbitrary::<u8>()?, info.op_code() as u8])
}

/// An inverted register field that is all ones (unused) half of the time.
fn unused_or_random(u: &mut Unstructured<'_>, field: u8) -> Result<u8> {
    Ok(if u.arbitrary()? { field } else { u.arbitrary::<u8>()? & field })
}

fn wide(info: &OpCodeInfo, u: &mut Unstructured<'_>) -> Result<u8> {
    let w = if info.is_wig() { u.arbitrary::<u8>()? & 1 } else { info.w() as u8 };
    Ok(w << 7)
}

fn vector_length(info: &OpCodeInfo, u: &mut Unstructured<'_>) -> Result<u8> {
    Ok(if info.is_lig() { u.arbitrary::<u8>()? & 1 } else { info.l() as u8 })
}

fn packed_prefix(info: &OpCodeInfo) -> u8 {
    [0, 0, 1, 2, 3][info.mandatory_prefix() as usize]
}

fn map_number(info: &OpCodeInfo) -> u8 {
    [0, 1, 2, 3, 5, 6, 8, 9, 10][info.table() as usize]
}

fn opcode(info: &OpCodeInfo, bytes: &mut Vec<u8>) {
    let code = info.op_code() as u16;
    let big_endian = code.to_be_bytes();
    bytes.extend(&big_endian[2 - info.op_code_len() as usize..]);
}

/// ModRM and what follows: random, with the addressing modes that a relocator must look at made frequent.
fn operands(info: &OpCodeInfo, u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let mut rest: [u8; OFFERED] = u.arbitrary()?;
    rest[0] = match u.int_in_range(0..=7)? {
        0..=2 => rest[0] & 0x38 | 0x05, // [rip+disp32]
        3 => rest[0] & 0xb8 | 0x04,     // a SIB byte
        4 => rest[0] | 0xc0,            // a register
        _ => rest[0],
    };
    if info.is_group() {
        rest[0] = rest[0] & 0xc7 | (info.group_index() as u8) << 3;
    }
    if info.is_rm_group() {
        rest[0] = rest[0] & 0xf8 | info.rm_group_index() as u8;
    }
    bytes.extend(rest);
    Ok(())
}
