//! Code as text that a reviewer can check and a snapshot can keep.

use std::collections::BTreeMap;
use std::fmt;

use iced_x86::{
    Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, SymbolResolver, SymbolResult,
};
use midstride_addr::{CachePc, CodeOffset};

/// Where a listing places its code unless [`Listing::at`] says otherwise, so that snapshots never contain an
/// address of the machine they were made on.
pub const BASE: CachePc = CachePc::new(0x1000_0000);

/// Room for the bytes of an instruction of ten bytes; longer ones push their text to the right.
const BYTES_COLUMN: usize = 30;

/// The listing of `code` placed at [`BASE`], a line for each instruction.
#[must_use]
pub fn listing(code: &[u8]) -> String {
    Listing::new(code).to_string()
}

/// A listing under construction; [`fmt::Display`] prints it.
///
/// ```
/// use midstride_addr::CodeOffset;
/// use midstride_testkit::Listing;
///
/// let listing = Listing::new(&[0xe8, 0xfb, 0xff, 0xff, 0xff]).symbol(0x1000_0000, "gate");
/// let listing = listing.note(CodeOffset::new(0), "call site, field 0001");
/// assert_eq!(
///     listing.to_string(),
///     "0000: e8 fb ff ff ff                 call gate  ; call site, field 0001\n"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Listing<'c> {
    code: &'c [u8],
    base: CachePc,
    notes: BTreeMap<CodeOffset, Vec<String>>,
    symbols: BTreeMap<u64, String>,
}

impl<'c> Listing<'c> {
    /// A listing of `code` at [`BASE`], without notes.
    #[must_use]
    pub fn new(code: &'c [u8]) -> Self {
        Self { code, base: BASE, notes: BTreeMap::new(), symbols: BTreeMap::new() }
    }

    /// Places the code at `base`: absolute operands and branch targets are shown from there. Offsets still
    /// start at zero.
    #[must_use]
    pub fn at(mut self, base: CachePc) -> Self {
        self.base = base;
        self
    }

    /// Puts `text` behind the instruction that holds `offset`. Notes keep their order.
    #[must_use]
    pub fn note(mut self, offset: CodeOffset, text: impl Into<String>) -> Self {
        self.notes.entry(offset).or_default().push(text.into());
        self
    }

    /// Shows `name` wherever an operand or a branch target is `address`.
    #[must_use]
    pub fn symbol(mut self, address: u64, name: impl Into<String>) -> Self {
        self.symbols.insert(address, name.into());
        self
    }

    fn formatter(&self) -> IntelFormatter {
        let names: Box<dyn SymbolResolver> = Box::new(Names(self.symbols.clone()));
        let mut formatter = IntelFormatter::with_options(Some(names), None);
        let options = formatter.options_mut();
        options.set_branch_leading_zeros(false);
        options.set_uppercase_hex(false);
        options.set_show_symbol_address(false);
        formatter
    }

    /// The notes of the `len` bytes from `offset`, each led in by `; `.
    fn notes_in(&self, offset: u32, len: u32) -> String {
        let range = CodeOffset::new(offset)..CodeOffset::new(offset + len);
        self.notes.range(range).flat_map(|(_, texts)| texts).map(|text| format!("  ; {text}")).collect()
    }
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut formatter = self.formatter();
        let mut at = 0;
        while at < self.code.len() {
            let (len, text) = disassemble(&mut formatter, &self.code[at..], self.base.add(at as u64));
            let bytes = hex(&self.code[at..at + len]);
            let notes = self.notes_in(at as u32, len as u32);
            writeln!(f, "{at:04x}: {bytes:BYTES_COLUMN$} {text}{notes}")?;
            at += len;
        }
        Ok(())
    }
}

/// Length and text of the first instruction of `code`; one byte and `(bad)` where there is none.
fn disassemble(formatter: &mut IntelFormatter, code: &[u8], pc: CachePc) -> (usize, String) {
    let mut insn = Instruction::default();
    Decoder::with_ip(64, code, pc.get(), DecoderOptions::NONE).decode_out(&mut insn);
    if insn.is_invalid() {
        return (1, "(bad)".to_owned());
    }
    let mut text = String::new();
    formatter.format(&insn, &mut text);
    (insn.len(), text)
}

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

struct Names(BTreeMap<u64, String>);

impl SymbolResolver for Names {
    fn symbol(
        &mut self,
        _instruction: &Instruction,
        _operand: u32,
        _instruction_operand: Option<u32>,
        address: u64,
        _address_size: u32,
    ) -> Option<SymbolResult<'_>> {
        self.0.get(&address).map(|name| SymbolResult::with_str(address, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_listed_once() {
        let code =
            [0x48, 0x8d, 0x64, 0x24, 0x80, 0x06, 0x48, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11];
        insta::assert_snapshot!(listing(&code), @r"
        0000: 48 8d 64 24 80                 lea rsp,[rsp-80h]
        0005: 06                             (bad)
        0006: 48 b8 88 77 66 55 44 33 22 11  mov rax,1122334455667788h
        ");
    }

    #[test]
    fn notes_follow_the_instruction_they_fall_into() {
        let code = [0x0f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x90];
        let text = Listing::new(&code)
            .note(CodeOffset::new(2), "field")
            .note(CodeOffset::new(0), "jcc site")
            .note(CodeOffset::new(6), "end")
            .to_string();
        insta::assert_snapshot!(text, @r"
        0000: 0f 84 00 00 00 00              je 10000006h  ; jcc site  ; field
        0006: 90                             nop  ; end
        ");
    }

    #[test]
    fn addresses_have_names_when_given() {
        let code = [0x48, 0x8b, 0x05, 0xf9, 0x0f, 0x00, 0x00, 0xeb, 0xf7];
        let text = Listing::new(&code)
            .at(CachePc::new(0x2000))
            .symbol(0x3000, "slot")
            .symbol(0x2000, "top")
            .to_string();
        insta::assert_snapshot!(text, @r"
        0000: 48 8b 05 f9 0f 00 00           mov rax,[slot]
        0007: eb f7                          jmp short top
        ");
    }
}
