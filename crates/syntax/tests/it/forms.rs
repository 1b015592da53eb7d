//! The forms that are looked at, and those that are not.

use arbtest::arbitrary::Unstructured;
use iced_x86::{Code, Decoder, DecoderOptions, EncodingKind, Instruction, OpCodeInfo};
use midstride_testkit::{Random, instruction_like};

/// Where instructions stand.
pub(crate) const IP: u64 = 0x1000_0000;

/// A reason and whom it applies to.
type Reason = (&'static str, fn(&OpCodeInfo) -> bool);

/// Why a form that iced can encode in 64-bit mode is not compared.
const LEFT_OUT: [Reason; 5] = [
    ("Knights Corner, another architecture", |info| {
        info.encoding() == EncodingKind::MVEX || info.decoder_option() == DecoderOptions::KNC
    }),
    ("two instructions, the first of which is wait", |info| info.fwait()),
    ("decoded as something else today: MPX, Cyrix, Centaur, withdrawn ones", |info| {
        info.decoder_option() != 0
    }),
    ("near branches of 16 bits, which Intel's processors do not have", |info| !info.intel_decoder64()),
    ("named, but decoded as nothing", |info| info.code() == Code::Montmul_64),
];

pub(crate) fn why_left_out(code: Code) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(_, is_left_out)| is_left_out(code.op_code())).map(|(reason, _)| *reason)
}

/// Everything that iced can encode in 64-bit mode.
pub(crate) fn encodable() -> impl Iterator<Item = Code> {
    Code::values().filter(|code| code.op_code().is_instruction() && code.op_code().mode64())
}

pub(crate) fn decode(bytes: &[u8]) -> Instruction {
    Decoder::with_ip(64, bytes, IP, DecoderOptions::NONE).decode()
}

/// Attempts at a form, whose random parts often make another one of it.
const ATTEMPTS: usize = 400;

/// Up to `count` instructions of a form, with operands of all classes.
pub(crate) fn instructions(code: Code, count: usize, random: &mut Random) -> Vec<Instruction> {
    let mut some = || {
        let data = random.bytes(256);
        decode(&instruction_like(code, &mut Unstructured::new(&data)).expect("there are enough bytes"))
    };
    let attempts = (0..ATTEMPTS).map(|_| some());
    attempts.filter(|insn| insn.code() == code).take(count).collect()
}
