//! What is assembled that is no instruction.

use alloc::vec;
use alloc::vec::Vec;

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};
use crate::expr::Expr;
use crate::lexer::TokenKind;
use crate::quote;
use crate::value::{Linear, Scope};

/// A directive with what follows it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Directive {
    action: Action,
    args: Vec<Value>,
}

/// What a directive does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    /// Writes numbers of this many bytes, or text.
    Data(usize),
    /// Writes bytes of instructions.
    Code,
    /// Writes text and a zero.
    Terminated,
    /// Writes floating-point numbers of this many bytes.
    Float(usize),
    /// Fills up to a multiple: with `nop` in code, since what follows may be reached from above.
    Align,
    /// As [`Align`](Self::Align), to a power of two.
    Power,
    /// Writes this many bytes, zeros or the second value.
    Space,
    /// Nothing: other assemblers need it.
    Ignored,
}

/// Something that is written.
#[derive(Clone, PartialEq, Debug)]
enum Value {
    Number(Expr),
    Text(Vec<u8>),
    Float(f64),
}

const NAMES: [(&str, Action); 38] = [
    (".code", Action::Code),
    ("db", Action::Data(1)),
    (".byte", Action::Data(1)),
    (".ascii", Action::Data(1)),
    (".asciz", Action::Terminated),
    (".string", Action::Terminated),
    ("dw", Action::Data(2)),
    (".word", Action::Data(2)),
    (".short", Action::Data(2)),
    ("dd", Action::Data(4)),
    (".long", Action::Data(4)),
    (".int", Action::Data(4)),
    ("dq", Action::Data(8)),
    (".quad", Action::Data(8)),
    (".float", Action::Float(4)),
    (".single", Action::Float(4)),
    (".double", Action::Float(8)),
    (".align", Action::Align),
    ("align", Action::Align),
    (".balign", Action::Align),
    (".zero", Action::Space),
    (".skip", Action::Space),
    (".space", Action::Space),
    (".intel_syntax", Action::Ignored),
    (".text", Action::Ignored),
    (".globl", Action::Ignored),
    (".global", Action::Ignored),
    (".type", Action::Ignored),
    (".size", Action::Ignored),
    (".section", Action::Ignored),
    (".p2align", Action::Power),
    (".data", Action::Ignored),
    (".weak", Action::Ignored),
    (".hidden", Action::Ignored),
    (".local", Action::Ignored),
    (".file", Action::Ignored),
    (".loc", Action::Ignored),
    (".ident", Action::Ignored),
];

/// The names of all directives.
pub fn directives() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().map(|(name, _)| name)
}

/// Bytes that one directive may write.
pub(crate) const LIMIT: usize = 1 << 24;

/// Directives about unwinding, which need no list.
const UNWINDING: &str = ".cfi_";

impl Action {
    fn named(word: &str) -> Option<Self> {
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        let unwinding = word.starts_with(UNWINDING).then_some(Self::Ignored);
        named.map(|(_, action)| *action).or(unwinding)
    }
}

impl Directive {
    /// Takes a directive, if there is one.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Error> {
        let Some(word) = cursor.word() else { return Ok(None) };
        let Some(action) = Action::named(word) else { return Ok(None) };
        cursor.next();
        let mut directive = Self { action, args: Vec::new() };
        if action == Action::Ignored {
            while cursor.peek().kind != TokenKind::End {
                cursor.next();
            }
        } else {
            directive.parse_args(cursor)?;
        }
        Ok(Some(directive))
    }

    fn parse_args(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        loop {
            // `.p2align 4,,10`
            let is_empty = cursor.peek().kind == TokenKind::Mark(',');
            let value = if is_empty { Value::Text(Vec::new()) } else { Value::parse(cursor, self.action)? };
            self.args.push(value);
            if cursor.take_mark(',').is_none() {
                return Ok(());
            }
        }
    }

    /// Whether it is meant to be run.
    pub(crate) fn is_code(&self) -> bool {
        matches!(self.action, Action::Align | Action::Power | Action::Code)
    }

    /// The bytes it writes at the address of `scope`.
    pub(crate) fn bytes(&self, scope: &Scope<'_>) -> Result<Vec<u8>, Error> {
        match self.action {
            Action::Data(size) => self.each(|value| value.bytes(size, scope)),
            Action::Code => self.each(|value| value.bytes(1, scope)),
            Action::Float(size) => self.each(|value| value.bytes(size, scope)),
            Action::Terminated => self.each(|value| {
                let mut bytes = value.bytes(1, scope)?;
                bytes.push(0);
                Ok(bytes)
            }),
            Action::Align => Ok(padding(self.count(0, scope)?.unwrap_or(1), scope)),
            Action::Power => {
                let power = self.count(0, scope)?.unwrap_or(0).min(MAX_POWER);
                Ok(padding(1 << power, scope))
            }
            Action::Space => self.space(scope),
            Action::Ignored => Ok(Vec::new()),
        }
    }

    fn each(&self, bytes: impl Fn(&Value) -> Result<Vec<u8>, Error>) -> Result<Vec<u8>, Error> {
        Ok(self.args.iter().map(bytes).collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The number that is argument `nth`, at most [`LIMIT`].
    fn count(&self, nth: usize, scope: &Scope<'_>) -> Result<Option<usize>, Error> {
        let Some(Value::Number(expr)) = self.args.get(nth) else { return Ok(None) };
        let number = Linear::number_of(expr, scope)?;
        let count = usize::try_from(number).ok().filter(|count| *count <= LIMIT);
        count.map(Some).ok_or(Error::new(expr.span, ErrorKind::TooLong { limit: LIMIT }))
    }

    fn space(&self, scope: &Scope<'_>) -> Result<Vec<u8>, Error> {
        let fill = self.count(1, scope)?.unwrap_or(0);
        Ok(vec![fill as u8; self.count(0, scope)?.unwrap_or(0)])
    }
}

/// The largest alignment by its power: as much as one directive may write.
const MAX_POWER: usize = LIMIT.ilog2() as usize;

const NOP: u8 = 0x90;

/// Instructions that do nothing, up to a multiple.
fn padding(multiple: usize, scope: &Scope<'_>) -> Vec<u8> {
    let bytes = scope.here.checked_next_multiple_of(multiple.max(1) as u64).map_or(0, |end| end - scope.here);
    vec![NOP; bytes as usize]
}

impl Value {
    fn parse(cursor: &mut Cursor<'_>, action: Action) -> Result<Self, Error> {
        let token = cursor.peek();
        let text = cursor.text(token);
        match (token.kind, action) {
            (TokenKind::Quoted, Action::Data(_) | Action::Terminated) => {
                cursor.next();
                let bad = Error::new(token.span, ErrorKind::BadQuotation);
                quote::bytes(text).map(Self::Text).ok_or(bad)
            }
            (_, Action::Float(_)) => Self::parse_float(cursor),
            (TokenKind::Number, Action::Data(4 | 8)) if text.contains('.') => Self::parse_float(cursor),
            _ => Ok(Self::Number(Expr::parse(cursor)?)),
        }
    }

    fn parse_float(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let start = cursor.peek().span;
        let negative = cursor.take_mark('-').is_some();
        let token = cursor.next();
        // `1e-3` is three tokens.
        let exponent = cursor.text(token).ends_with(['e', 'E']);
        if exponent && (cursor.take_mark('-').is_some() || cursor.take_mark('+').is_some()) {
            cursor.next();
        }
        let span = cursor.span_from(if negative { token.span } else { start });
        let value = span.text(cursor.source).parse::<f64>();
        let value = value.map_err(|_| Error::new(span, ErrorKind::BadNumber))?;
        Ok(Self::Float(if negative { -value } else { value }))
    }

    fn bytes(&self, size: usize, scope: &Scope<'_>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Float(value) if size == 4 => Ok((*value as f32).to_le_bytes().to_vec()),
            Self::Float(value) => Ok(value.to_le_bytes().to_vec()),
            Self::Number(expr) => {
                let number = Linear::number_of(expr, scope)?;
                let bits = size as u32 * 8;
                let fits = (-(1 << (bits - 1))..1 << bits).contains(&number);
                let bytes = number.to_le_bytes()[..size].to_vec();
                if fits { Ok(bytes) } else { Err(Error::new(expr.span, ErrorKind::TooWide { bytes: size })) }
            }
        }
    }
}
