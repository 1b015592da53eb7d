//! Printing a block's instructions from its module's file.

use std::os::unix::fs::FileExt;

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

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
    let mut formatter = formatter();
    let mut lines = Vec::new();
    while decoder.can_decode() && lines.len() < MOST_LINES {
        let instruction = decoder.decode();
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        lines.push(Line { offset: instruction.ip(), text });
    }
    lines
}

fn formatter() -> IntelFormatter {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    formatter
}

fn read(module: &Module, block: &Block) -> Option<Vec<u8>> {
    let address = module.preferred_base.wrapping_add(block.offset);
    let offset = module.facts.as_ref()?.offset_of(address)?;
    let mut bytes = vec![0; (block.bytes as usize).min(MOST_LINES * MOST_BYTES)];
    open_regular(&module.path).ok()?.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}
