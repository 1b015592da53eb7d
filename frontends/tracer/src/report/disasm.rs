//! Printing a block's instructions from its module's file.

use std::os::unix::fs::FileExt;

use iced_x86::{
    Decoder, DecoderOptions, FastFormatterOptions, SpecializedFormatter, SpecializedFormatterTraitOptions,
};

use super::elf::open_regular;
use super::modules::Module;
use super::profile::Block;

/// A line of disassembly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Offset from the module's base.
    pub offset: u64,
    /// The instruction.
    pub text: String,
}

/// At most this many instructions of a block are printed.
const MOST_LINES: usize = 32;
/// The longest instruction.
const MOST_BYTES: usize = 15;

/// The first instructions of `block`; none when its module has no file, or the file has changed.
#[must_use]
pub fn lines(module: &Module, block: &Block) -> Vec<Line> {
    let Some(bytes) = read(module, block) else { return Vec::new() };
    let mut decoder = Decoder::with_ip(64, &bytes, block.offset, DecoderOptions::NONE);
    let mut formatter = SpecializedFormatter::<Style>::new();
    let mut lines = Vec::new();
    while decoder.can_decode() && lines.len() < MOST_LINES {
        let instruction = decoder.decode();
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        lines.push(Line { offset: instruction.ip(), text: small_numbers(&text) });
    }
    lines
}

/// How instructions are written. iced's other formatters make themselves tables of a megabyte first, which takes a
/// tenth of a short run.
struct Style;

impl SpecializedFormatterTraitOptions for Style {
    fn rip_relative_addresses(_: &FastFormatterOptions) -> bool {
        false
    }

    fn use_pseudo_ops(_: &FastFormatterOptions) -> bool {
        true
    }

    fn uppercase_hex(_: &FastFormatterOptions) -> bool {
        false
    }
}

/// Writes numbers below ten without `0x`.
fn small_numbers(text: &str) -> String {
    let mut pieces = text.split("0x");
    let mut short: String = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits != 1 || !piece.starts_with(|digit: char| digit.is_ascii_digit()) {
            short.push_str("0x");
        }
        short.push_str(piece);
    }
    short
}

fn read(module: &Module, block: &Block) -> Option<Vec<u8>> {
    let address = module.preferred_base.wrapping_add(block.offset);
    let offset = module.facts.as_ref()?.offset_of(address)?;
    let mut bytes = vec![0; (block.bytes as usize).min(MOST_LINES * MOST_BYTES)];
    open_regular(&module.path).ok()?.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use iced_x86::Formatter as _;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        let instruction = Decoder::with_ip(64, bytes, 0x1000, DecoderOptions::NONE).decode();
        let mut text = String::new();
        SpecializedFormatter::<Style>::new().format(&instruction, &mut text);
        small_numbers(&text)
    }

    /// As iced's own formatter for this syntax writes it.
    fn in_full(bytes: &[u8]) -> String {
        let instruction = Decoder::with_ip(64, bytes, 0x1000, DecoderOptions::NONE).decode();
        let mut formatter = iced_x86::IntelFormatter::new();
        let options = formatter.options_mut();
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_uppercase_hex(false);
        options.set_branch_leading_zeros(false);
        options.set_show_branch_size(false);
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        text
    }

    #[test]
    fn instructions_are_written_in_intel_syntax() {
        let cases: [(&[u8], &str); 8] = [
            (&[0x41, 0x83, 0xc0, 0x01], "add r8d,1"),
            (&[0x48, 0x83, 0xc3, 0x70], "add rbx,0x70"),
            (&[0x0f, 0xb6, 0x3b], "movzx edi,byte ptr [rbx]"),
            (&[0x74, 0x0e], "je 0x1010"),
            (&[0x48, 0x8d, 0x05, 0x09, 0, 0, 0], "lea rax,[0x1010]"),
            (&[0x48, 0x8b, 0x44, 0xcb, 0xf8], "mov rax,[rbx+rcx*8-8]"),
            (&[0xf3, 0xa4], "rep movsb [rdi],[rsi]"),
            (&[0xc5, 0xf9, 0xc2, 0xc1, 0x00], "vcmpeqpd xmm0,xmm0,xmm1"),
        ];
        for (bytes, expected) in cases {
            assert_eq!((text(bytes), in_full(bytes)), (expected.to_owned(), expected.to_owned()));
        }
    }

    #[test]
    fn only_numbers_below_ten_go_without_their_prefix() {
        let short = small_numbers("mov [0x0],0x9; 0xa 0x10 0x9f [rax+0x8]");
        assert_eq!(short, "mov [0],9; 0xa 0x10 0x9f [rax+8]");
    }
}
