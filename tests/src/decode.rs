//! The little of instruction decoding that the oracle and the hang report need.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};

/// What the oracle has to know about an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One step executes it.
    Plain,
    /// A string instruction with a rep prefix: one step is one iteration.
    Repeated,
    /// A system call: it has been executed when it is entered, even if it never returns.
    SystemCall,
    /// It loads SS: the step that executes it executes the next instruction too.
    LoadsSs,
    /// Not an instruction.
    Invalid,
}

/// Length in bytes and kind of the instruction at the start of `code`.
#[must_use]
pub fn kind(code: &[u8], pc: u64) -> (usize, Kind) {
    let instruction = decode(code, pc);
    let kind = if instruction.is_invalid() {
        Kind::Invalid
    } else if instruction.is_string_instruction()
        && (instruction.has_rep_prefix() || instruction.has_repne_prefix())
    {
        Kind::Repeated
    } else if instruction.mnemonic() == Mnemonic::Syscall {
        Kind::SystemCall
    } else if loads_ss(&instruction) {
        Kind::LoadsSs
    } else {
        Kind::Plain
    };
    (instruction.len().max(1), kind)
}

fn loads_ss(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Mov | Mnemonic::Pop)
        && instruction.op0_register() == iced_x86::Register::SS
}

fn decode(code: &[u8], pc: u64) -> Instruction {
    let options = DecoderOptions::NONE;
    Decoder::with_ip(64, code, pc, options).decode()
}

/// The addresses of the instructions that fill `code`, which lies at `pc`.
#[must_use]
pub fn addresses(code: &[u8], pc: u64) -> Vec<u64> {
    let mut decoder = Decoder::with_ip(64, code, pc, DecoderOptions::NONE);
    let mut found = Vec::new();
    while decoder.can_decode() {
        found.push(decoder.ip());
        let _length = decoder.decode().len();
    }
    found
}

/// The first instruction of `code` as bytes and its mnemonic.
#[must_use]
pub fn show(code: &[u8], pc: u64) -> String {
    let instruction = decode(code, pc);
    let length = instruction.len().clamp(1, code.len().max(1));
    let bytes: Vec<String> = code.iter().take(length).map(|byte| format!("{byte:02x}")).collect();
    format!("{} ({:?})", bytes.join(" "), instruction.mnemonic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rep_movs_is_repeated_and_rep_ret_is_not() {
        assert_eq!(kind(&[0xf3, 0xa4], 0), (2, Kind::Repeated));
        assert_eq!(kind(&[0xf3, 0xc3], 0), (2, Kind::Plain));
        assert_eq!(kind(&[0xa4], 0), (1, Kind::Plain));
    }

    #[test]
    fn syscall_and_mov_ss_are_told_apart() {
        assert_eq!(kind(&[0x0f, 0x05], 0), (2, Kind::SystemCall));
        assert_eq!(kind(&[0x8e, 0xd0], 0), (2, Kind::LoadsSs));
        assert_eq!(kind(&[0x8e, 0xc0], 0), (2, Kind::Plain));
    }

    #[test]
    fn a_block_is_split_at_its_instructions() {
        assert_eq!(addresses(&[0x90, 0x66, 0x90, 0xc3], 0x100), [0x100, 0x101, 0x103]);
    }
}
