//! Sources into code: sizes, addresses, labels.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use iced_x86::Instruction;

use crate::choose::{self, Chosen};
use crate::cursor::Cursor;
use crate::directive;
use crate::error::{Error, ErrorKind};
use crate::lexer;
use crate::request::Request;
use crate::size;
use crate::span::Span;
use crate::statement::{self, Statement, StatementKind};
use crate::value::{Linear, Scope, Symbol};

/// A text that was assembled.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    /// Address of the first byte.
    pub base: u64,
    /// Instructions and data in order, without gaps.
    pub items: Vec<Item>,
    /// Labels with their addresses, by name; local ones as `parent.local`.
    pub labels: BTreeMap<String, u64>,
}

impl Assembly {
    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.items.iter().flat_map(|item| item.bytes.iter().copied()).collect()
    }

    /// Address behind the last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.items.last().map_or(self.base, Item::end)
    }
}

/// An instruction or data.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its address.
    pub address: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it is.
    pub kind: ItemKind,
    /// Where it is written, prefixes and operands included, labels not.
    pub span: Span,
    /// What was decided for its writer.
    pub note: Option<Note>,
}

impl Item {
    /// Address behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.address.wrapping_add(self.bytes.len() as u64)
    }

    /// The instruction, if it is one.
    #[must_use]
    pub fn insn(&self) -> Option<&Instruction> {
        match &self.kind {
            ItemKind::Insn(insn) => Some(insn),
            ItemKind::Data | ItemKind::Raw => None,
        }
    }
}

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ItemKind {
    /// An instruction, with its address and length.
    Insn(Instruction),
    /// Data.
    Data,
    /// Bytes that are meant to be run: padding, and what `.code` writes.
    Raw,
}

/// What was decided where the text leaves it open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Note {
    /// A memory operand is written without a size, and there are several.
    Size {
        /// Bytes that were taken.
        bytes: usize,
    },
}

impl core::fmt::Display for Note {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self::Size { bytes } = self;
        write!(f, "taken as {} ptr", size::keyword(*bytes).unwrap_or("?"))
    }
}

/// Most bytes of code and data.
const MAX_BYTES: usize = directive::LIMIT;

/// Rounds in which sizes are found. Sizes only grow, so few are needed; more only where an alignment undoes
/// what a longer branch gains.
const MAX_ROUNDS: usize = 64;

/// Assembles a text that will stand at `base`. Branches and displacements are as short as they can be.
///
/// # Errors
/// [`Error`] with its place in `source`.
///
/// ```
/// let code = midstride_syntax::assemble(".loop: dec rcx; jnz .loop", 0x1000)?;
/// assert_eq!(code.bytes(), [0x48, 0xff, 0xc9, 0x75, 0xfb]);
/// assert_eq!(code.labels[".loop"], 0x1000);
/// assert_eq!(code.items[1].address, 0x1003);
/// # Ok::<(), midstride_syntax::Error>(())
/// ```
pub fn assemble(source: &str, base: u64) -> Result<Assembly, Error> {
    let tokens = lexer::tokens(source)?;
    let statements = statement::statements(&mut Cursor::new(source, &tokens))?;
    let mut layout = Layout::new(base, &statements)?;
    for _ in 0..MAX_ROUNDS {
        if let Some(assembly) = layout.round()? {
            return Ok(assembly);
        }
    }
    let span = statements.first().map_or(Span::default(), |statement| statement.span);
    Err(Error::new(span, ErrorKind::Unsettled))
}

struct Layout<'s> {
    base: u64,
    statements: &'s [Statement],
    symbols: BTreeMap<String, Symbol>,
    /// The shortest that each statement may be.
    sizes: Vec<usize>,
}

impl<'s> Layout<'s> {
    fn new(base: u64, statements: &'s [Statement]) -> Result<Self, Error> {
        let mut symbols = BTreeMap::new();
        for statement in statements {
            let (name, symbol) = match &statement.kind {
                StatementKind::Label(name) => (name, Symbol::Unplaced),
                StatementKind::Constant(name, _) => (name, Symbol::Constant(0)),
                _ => continue,
            };
            if symbols.insert(name.clone(), symbol).is_some() {
                return Err(Error::new(statement.span, ErrorKind::DuplicateLabel));
            }
        }
        Ok(Self { base, statements, symbols, sizes: alloc::vec![0; statements.len()] })
    }

    /// Assembles all statements with the addresses of the round before; done when they did not change.
    fn round(&mut self) -> Result<Option<Assembly>, Error> {
        let mut assembly = Assembly { base: self.base, ..Assembly::default() };
        let mut is_settled = true;
        let mut total = 0;
        for (nth, statement) in self.statements.iter().enumerate() {
            let here = self.base.wrapping_add(total as u64);
            if let Some((name, symbol)) = self.definition(statement, here)? {
                is_settled &= self.symbols.insert(name, symbol) == Some(symbol);
            }
            let Some(item) = self.item(statement, here, self.sizes[nth])? else { continue };
            total += item.bytes.len();
            if total > MAX_BYTES {
                return Err(Error::new(statement.span, ErrorKind::TooLong { limit: MAX_BYTES }));
            }
            if matches!(item.kind, ItemKind::Insn(_)) {
                self.sizes[nth] = item.bytes.len();
            }
            assembly.items.push(item);
        }
        assembly.labels = self.labels();
        Ok(is_settled.then_some(assembly))
    }

    fn labels(&self) -> BTreeMap<String, u64> {
        let addresses = self.symbols.iter().filter_map(|(name, symbol)| match symbol {
            Symbol::Label(address) => Some((name.clone(), *address)),
            Symbol::Constant(_) | Symbol::Unplaced => None,
        });
        addresses.collect()
    }

    fn scope<'a>(&'a self, statement: &'a Statement, here: u64) -> Scope<'a> {
        Scope { symbols: &self.symbols, here, parent: &statement.parent }
    }

    fn definition(&self, statement: &Statement, here: u64) -> Result<Option<(String, Symbol)>, Error> {
        Ok(match &statement.kind {
            StatementKind::Label(name) => Some((name.clone(), Symbol::Label(here))),
            StatementKind::Constant(name, expr) => {
                let number = Linear::number_of(expr, &self.scope(statement, here))?;
                Some((name.clone(), Symbol::Constant(number)))
            }
            _ => None,
        })
    }

    fn item(&self, statement: &Statement, here: u64, min_len: usize) -> Result<Option<Item>, Error> {
        let scope = self.scope(statement, here);
        let (bytes, kind, note) = match &statement.kind {
            StatementKind::Insn(written) => {
                let request = Request::new(written, &scope)?;
                let Chosen { insn, bytes, taken_bytes } = choose::choose(&request, here, min_len)?;
                (bytes, ItemKind::Insn(insn), taken_bytes.map(|bytes| Note::Size { bytes }))
            }
            StatementKind::Directive(directive) => {
                let kind = if directive.is_code() { ItemKind::Raw } else { ItemKind::Data };
                (directive.bytes(&scope)?, kind, None)
            }
            _ => return Ok(None),
        };
        Ok(Some(Item { address: here, bytes, kind, span: statement.span, note }))
    }
}
