//! The program as text, as code, and as a graph whose instructions keep their identity.

use iced_x86::{Decoder, DecoderOptions};
use midstride_addr::AppPc;
use midstride_control::{Edge, InsnId, Program, ProgramError};
use midstride_relocate::{Flow, decode};
use midstride_syntax::{Assembly, Item, ItemKind, assemble};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::error::Error;
use crate::text::disassemble;

/// An instruction of the program.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Line {
    pub(crate) id: InsnId,
    /// Its address in the listing, which is not where it is run.
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
    /// The line of the source, from 1.
    pub(crate) number: usize,
    /// As it is written; bytes as they are read.
    pub(crate) text: String,
    /// Where a direct branch goes.
    target: Option<u64>,
    /// Where it goes on.
    next: Option<u64>,
}

/// Whether control that runs into data runs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DataRule {
    /// As a processor does.
    Run,
    /// It goes on behind it: at the prompt data stands wherever it was typed.
    Skip,
}

/// A program in all its shapes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) source: String,
    pub(crate) assembly: Assembly,
    pub(crate) lines: Vec<Line>,
    /// Bytes of the source that came from a file.
    pub(crate) file_bytes: usize,
    next_id: u32,
}

impl Listing {
    pub(crate) fn empty(base: u64) -> Self {
        Self { assembly: Assembly { base, ..Assembly::default() }, ..Self::default() }
    }

    /// The program with other text. Instructions that are kept keep their identity.
    pub(crate) fn with_source(&self, source: String, file_bytes: usize) -> Result<Self, Error> {
        let assembly =
            assemble(&source, self.assembly.base).map_err(|error| Error::syntax(&source, error))?;
        let mut next = Self { source, assembly, lines: Vec::new(), file_bytes, next_id: self.next_id };
        next.read_lines();
        next.name_lines(&self.lines);
        Ok(next)
    }

    /// The program with more text behind it. An error names a place in what was added.
    pub(crate) fn with_more(&self, text: &str) -> Result<Self, Error> {
        let start = self.source.len();
        let source = [&self.source, text, "\n"].concat();
        self.with_source(source, self.file_bytes).map_err(|error| match error {
            Error::Syntax { mut error, .. } if error.span.start >= start => {
                (error.span.start, error.span.end) = (error.span.start - start, error.span.end - start);
                Error::syntax(text, error)
            }
            other => other,
        })
    }

    fn read_lines(&mut self) {
        let items = std::mem::take(&mut self.assembly.items);
        // A program that starts at a label may begin with its data.
        let mut falls_through = !ENTRIES.iter().any(|name| self.assembly.labels.contains_key(*name));
        for item in &items {
            let from_file = item.span.start < self.file_bytes;
            let rule = if from_file { DataRule::Run } else { DataRule::Skip };
            let is_code = item.kind != ItemKind::Data || rule == DataRule::Run && falls_through;
            if is_code {
                self.read_item(item);
                falls_through = self.lines.last().is_none_or(|line| line.next.is_some());
            }
        }
        self.assembly.items = items;
        self.link_over_data();
    }

    /// Adds the instructions of an item: one, or all that its bytes are.
    fn read_item(&mut self, item: &Item) {
        let number = item.span.location(&self.source).line;
        let mut at = 0;
        while at < item.bytes.len() {
            let (address, rest) = (item.address + at as u64, &item.bytes[at..]);
            let insn = Decoder::with_ip(64, rest, address, DecoderOptions::NONE).decode();
            let len = if insn.is_invalid() { rest.len().min(MAX_INSN_BYTES) } else { insn.len() };
            let whole = item.insn().is_some() && len == item.bytes.len();
            let text = if whole { item.span.text(&self.source).to_owned() } else { disassemble(&insn) };
            let bytes = rest[..len].to_vec();
            let flow = decode(&bytes, AppPc::new(address)).map_or(Flow::Next, |insn| insn.flow());
            let next = (!flow.ends_path()).then_some(address + len as u64);
            let target = flow.target().map(AppPc::get);
            self.lines.push(Line { id: UNNAMED, address, bytes, number, text, target, next });
            at += len;
        }
    }

    /// Leads control to the instruction that follows, over data in between.
    fn link_over_data(&mut self) {
        let starts: Vec<u64> = self.lines.iter().map(|line| line.address).collect();
        for (line, following) in self.lines.iter_mut().zip(starts.into_iter().skip(1)) {
            line.next = line.next.map(|_| following);
        }
    }

    /// Gives instructions the identity that they had in `before`, the others a new one.
    fn name_lines(&mut self, before: &[Line]) {
        let texts = |lines: &[Line]| lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
        let (old, new) = (texts(before), texts(&self.lines));
        for change in capture_diff_slices(Algorithm::Myers, &old, &new) {
            if let DiffOp::Equal { old_index, new_index, len } = change {
                for nth in 0..len {
                    self.lines[new_index + nth].id = before[old_index + nth].id;
                }
            }
        }
        for line in self.lines.iter_mut().filter(|line| line.id == UNNAMED) {
            self.next_id += 1;
            line.id = InsnId::new(self.next_id);
        }
    }

    /// The graph for a controller.
    pub(crate) fn program(&self) -> Result<Program, ProgramError> {
        let mut program = Program::new();
        for line in &self.lines {
            program.insert_at(line.id, &line.bytes, AppPc::new(line.address))?;
        }
        for line in &self.lines {
            program.link(line.id, Edge::Next, self.id_at(line.next))?;
            if line.target.is_some() {
                program.link(line.id, Edge::Jump, self.id_at(line.target))?;
            }
        }
        Ok(program)
    }

    fn id_at(&self, address: Option<u64>) -> Option<InsnId> {
        Some(self.at(address?)?.id)
    }

    /// The instruction at an address of the listing.
    pub(crate) fn at(&self, address: u64) -> Option<&Line> {
        let nth = self.lines.binary_search_by_key(&address, |line| line.address).ok()?;
        Some(&self.lines[nth])
    }

    pub(crate) fn line(&self, id: InsnId) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }

    /// The first instruction of a line of the source, or of the next one that has any.
    pub(crate) fn at_number(&self, number: u64) -> Option<&Line> {
        self.lines.iter().find(|line| line.number as u64 >= number)
    }

    /// The instruction that is run first.
    pub(crate) fn start(&self) -> Option<&Line> {
        let main = ENTRIES.iter().find_map(|name| self.assembly.labels.get(*name));
        main.and_then(|address| self.at(*address)).or_else(|| self.lines.first())
    }

    /// The bytes that differ from another program's, in pieces with their addresses.
    pub(crate) fn bytes_unlike<'l>(&'l self, other: &'l Self) -> impl Iterator<Item = (u64, &'l [u8])> {
        let same = |item: &&Item| {
            let items = &other.assembly.items;
            let at = items.partition_point(|old| old.address < item.address);
            items[at..]
                .iter()
                .take_while(|old| old.address == item.address)
                .any(|old| old.bytes == item.bytes)
        };
        let changed = self.assembly.items.iter().filter(move |item| !same(item));
        changed.map(|item| (item.address, item.bytes.as_slice()))
    }
}

/// Labels that a program starts at.
const ENTRIES: [&str; 3] = ["_start", "main", "start"];

/// The longest instruction there is.
const MAX_INSN_BYTES: usize = 15;

/// In the place of an identity until there is one.
const UNNAMED: InsnId = InsnId::new(0);
