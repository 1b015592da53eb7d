//! What is shown on request.

use iced_x86::{Decoder, DecoderOptions};
use midstride_control::{CodePoint, Controller};
use midstride_frame::Register;

use super::{Session, Sink};
use crate::error::Error;
use crate::event::{Code, Event, Format, Number, Which};
use crate::hex;
use crate::registers::Part;
use crate::text::disassemble;

const MEM: &str = "mem ADDRESS [COUNT] [as TYPE]";

/// Bytes of `mem` when no count is given.
const MEM_BYTES: usize = 64;
/// Bytes that one command shows at most.
const MAX_BYTES: usize = 1 << 16;
/// Words that `stack` shows when no count is given.
const STACK_WORDS: u64 = 8;

impl Session {
    /// The program.
    pub(crate) fn list(&self, sink: Sink<'_>) -> Result<(), Error> {
        let here = match self.control.state()?.point {
            point @ CodePoint::At(_) => self.address_of(point),
            _ => None,
        };
        let labels = &self.listing.assembly.labels;
        for item in &self.listing.assembly.items {
            let names = labels.iter().filter(|(_, address)| **address == item.address);
            names.for_each(|(name, _)| sink(Event::Text(format!("{name}:"))));
            for mut code in self.codes(item) {
                code.here = Some(code.address) == here;
                sink(Event::Code(code));
            }
        }
        Ok(())
    }

    /// `regs`, `regs all`, `regs vec`, `regs fpu`, `regs xmm3`
    pub(crate) fn show_registers(&self, which: &str, sink: Sink<'_>) -> Result<(), Error> {
        const GROUPS: [(&str, Which); 4] =
            [("", Which::Usual), ("all", Which::All), ("vec", Which::Vector), ("fpu", Which::Fpu)];
        let group = GROUPS.iter().find(|(name, _)| *name == which).map(|(_, which)| *which);
        let which = match group {
            Some(which) => which,
            None => match Part::parse(which)? {
                Part::Whole(register) | Part::Bits { register, .. } | Part::Lane { register, .. } => {
                    Which::One(register)
                }
                Part::Flag(_) => Which::One(Register::RFLAGS),
            },
        };
        sink(Event::Registers { registers: Box::new(self.state()?.registers), which });
        Ok(())
    }

    /// What the last command that ran something changed.
    pub(crate) fn diff(&self, sink: Sink<'_>) -> Result<(), Error> {
        let now = self.state()?.registers;
        let changes = now.changes(&self.before);
        if changes.is_empty() {
            sink(Event::Unchanged);
        }
        changes.iter().for_each(|change| sink(Event::Changed(change)));
        Ok(())
    }

    /// `mem rsp`, `mem table 4 as f32`
    pub(crate) fn show_memory(&self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        let (text, number) = match text.split_once(" as ") {
            Some((text, kind)) => {
                let kind = kind.trim();
                (text, Some(Number::named(kind).ok_or_else(|| Error::unknown("type", kind))?))
            }
            None => (text, None),
        };
        let (address, count) = match text.trim().rsplit_once(' ') {
            Some((address, count)) if !address.trim_end().ends_with(OPERATORS) => {
                (address, Some(self.value_of(count)?))
            }
            _ => (text, None),
        };
        if address.trim().is_empty() {
            return Err(Error::usage(MEM));
        }
        let size = number.map_or(1, Number::bytes);
        let count = count.map_or(MEM_BYTES / size, |count| count.min(MAX_BYTES as u64) as usize);
        let address = self.value_of(address)?;
        let bytes = self.read(address, (count * size).min(MAX_BYTES))?;
        let format = number.map_or(Format::Bytes, Format::Numbers);
        sink(Event::Memory { address, bytes, format });
        Ok(())
    }

    /// The words from rsp on.
    pub(crate) fn show_stack(&self, count: &str, sink: Sink<'_>) -> Result<(), Error> {
        let count = if count.is_empty() { STACK_WORDS } else { self.value_of(count)? };
        let rsp = self.state()?.registers.gpr.rsp;
        // No further than the stack goes.
        let stack = self.place.stack();
        let room = if stack.contains(&rsp) { stack.end - rsp } else { MAX_BYTES as u64 };
        let bytes = self.read(rsp, count.saturating_mul(8).min(room) as usize)?;
        sink(Event::Memory { address: rsp, bytes, format: Format::Stack });
        Ok(())
    }

    /// Assembles without adding to the program.
    pub(crate) fn assemble(&self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        let listing = self.listing.with_more(text)?;
        let start = self.listing.source.len();
        for item in listing.assembly.items.iter().filter(|item| item.span.start >= start) {
            sink(Event::Code(Code {
                address: item.address,
                bytes: item.bytes.clone(),
                text: item.insn().map_or_else(|| item.span.text(&listing.source).to_owned(), disassemble),
                line: 0,
                note: item.note,
                here: false,
            }));
        }
        Ok(())
    }

    /// What bytes in hex mean.
    pub(crate) fn disassemble(&self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        let bytes = hex::parse(text).ok_or_else(|| Error::BadValue { text: text.to_owned() })?;
        let mut decoder = Decoder::with_ip(64, &bytes, self.listing.assembly.end(), DecoderOptions::NONE);
        while decoder.can_decode() {
            let start = decoder.position();
            let insn = decoder.decode();
            let bytes = bytes[start..decoder.position()].to_vec();
            let text = disassemble(&insn);
            sink(Event::Code(Code { address: insn.ip(), bytes, text, line: 0, note: None, here: false }));
        }
        Ok(())
    }
}

/// What an address that is written with blanks may have in front of them.
const OPERATORS: [char; 8] = ['+', '-', '*', '/', '%', '<', '>', ','];
