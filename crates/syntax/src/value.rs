//! What expressions come to.

use alloc::collections::BTreeMap;
use alloc::string::String;

use iced_x86::Register;

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};
use crate::expr::{Expr, ExprKind};
use crate::lexer;
use crate::span::Span;

/// What is known while a statement is assembled.
pub(crate) struct Scope<'a> {
    pub(crate) symbols: &'a BTreeMap<String, Symbol>,
    /// The address of the statement.
    pub(crate) here: u64,
    /// The label that local ones belong to.
    pub(crate) parent: &'a str,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Symbol {
    /// An address, which may move while sizes are found.
    Label(u64),
    /// A number.
    Constant(i128),
    /// A label whose address is not known yet: it is taken to be where it is used, so that whatever names it
    /// is as short as it can be.
    Unplaced,
}

/// What a sum comes to, with labels and the values of registers: an address, as it is written between brackets.
///
/// # Errors
/// [`Error`] with its place in `text`; a register that `register` knows nothing of is no number.
///
/// ```
/// use iced_x86::Register;
///
/// let labels = [("table".to_owned(), 0x1000)].into();
/// let register = |register| (register == Register::RCX).then_some(3);
/// assert_eq!(midstride_syntax::evaluate("table + rcx*8 + 2", &labels, register), Ok(0x101a));
/// assert!(midstride_syntax::evaluate("table + rdx", &labels, register).is_err());
/// ```
pub fn evaluate(
    text: &str,
    labels: &BTreeMap<String, u64>,
    register: impl Fn(Register) -> Option<u64>,
) -> Result<u64, Error> {
    let tokens = lexer::tokens(text)?;
    let mut cursor = Cursor::new(text, &tokens);
    let expr = Expr::parse(&mut cursor)?;
    if !cursor.is_at_end() {
        return Err(cursor.expected("the end of the expression"));
    }
    let labels = labels.iter().map(|(name, address)| (name.clone(), Symbol::Label(*address)));
    let scope = Scope { symbols: &labels.collect(), here: 0, parent: "" };
    let value = Linear::evaluate(&expr, &scope)?;
    value.terms().iter().try_fold(value.number as u64, |sum, term| {
        let value = register(term.register).ok_or(Error::new(expr.span, ErrorKind::NotANumber))?;
        Ok(sum.wrapping_add(value.wrapping_mul(term.factor as u64)))
    })
}

/// The full name of a label: local ones begin with a dot and belong to the last one that does not.
pub(crate) fn full_name(parent: &str, name: &str) -> String {
    let parent = if name.starts_with('.') { parent } else { "" };
    [parent, name].concat()
}

/// A number plus registers times factors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Linear {
    pub(crate) number: i128,
    /// Whether labels are part of the number.
    pub(crate) symbolic: bool,
    /// Registers in the order in which they are written; those behind `count` are nothing.
    terms: [Term; 2],
    count: usize,
}

/// A register and its factor. An explicit factor, even 1, makes it an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Term {
    pub(crate) register: Register,
    pub(crate) factor: i128,
    pub(crate) explicit: bool,
}

impl Default for Term {
    fn default() -> Self {
        Self { register: Register::None, factor: 0, explicit: false }
    }
}

/// Numbers beyond this are errors, so that sums and products of 128 bits never overflow.
const LIMIT: i128 = 1 << 64;

impl Linear {
    fn constant(number: i128, symbolic: bool) -> Self {
        Self { number, symbolic, ..Self::default() }
    }

    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms[..self.count]
    }

    /// What an expression comes to.
    pub(crate) fn evaluate(expr: &Expr, scope: &Scope<'_>) -> Result<Self, Error> {
        let value = match &expr.kind {
            ExprKind::Number(number) => Self::constant((*number).into(), false),
            ExprKind::Register(register) => {
                let term = Term { register: *register, factor: 1, explicit: false };
                Self { terms: [term, Term::default()], count: 1, ..Self::default() }
            }
            ExprKind::Here => Self::constant(scope.here.into(), true),
            ExprKind::Symbol(name) => symbol(name, expr.span, scope)?,
            ExprKind::Unary(sign, inner) => Self::evaluate(inner, scope)?.signed(*sign, expr.span)?,
            ExprKind::Binary(operator, left, right) => {
                let (left, right) = (Self::evaluate(left, scope)?, Self::evaluate(right, scope)?);
                binary(*operator, left, right, expr.span)?
            }
        };
        let fits = (-LIMIT..LIMIT).contains(&value.number);
        if fits { Ok(value) } else { Err(Error::new(expr.span, ErrorKind::Arithmetic)) }
    }

    /// The number that an expression comes to, which has no registers.
    pub(crate) fn number_of(expr: &Expr, scope: &Scope<'_>) -> Result<i128, Error> {
        let value = Self::evaluate(expr, scope)?;
        if value.count == 0 { Ok(value.number) } else { Err(Error::new(expr.span, ErrorKind::NotANumber)) }
    }

    fn signed(self, sign: char, span: Span) -> Result<Self, Error> {
        match sign {
            '+' => Ok(self),
            '-' => self.times(-1, false, span),
            _ if self.count == 0 => Ok(Self { number: !self.number, ..self }),
            _ => Err(Error::new(span, ErrorKind::NotANumber)),
        }
    }

    fn times(mut self, factor: i128, explicit: bool, span: Span) -> Result<Self, Error> {
        let overflow = Error::new(span, ErrorKind::Arithmetic);
        self.number = self.number.checked_mul(factor).ok_or(overflow)?;
        for term in &mut self.terms[..self.count] {
            term.factor = term.factor.checked_mul(factor).ok_or(overflow)?;
            term.explicit |= explicit;
        }
        Ok(self)
    }

    fn plus(mut self, other: Self, span: Span) -> Result<Self, Error> {
        self.number += other.number;
        self.symbolic |= other.symbolic;
        for term in other.terms() {
            self.add_term(*term, span)?;
        }
        Ok(self)
    }

    fn add_term(&mut self, term: Term, span: Span) -> Result<(), Error> {
        let slot = self.terms.get_mut(self.count).ok_or(Error::new(span, ErrorKind::NotAnAddress))?;
        *slot = term;
        self.count += 1;
        Ok(())
    }
}

/// A local label that belongs to another one, if no two have one of this name.
fn only_local<'s>(name: &str, symbols: &'s BTreeMap<String, Symbol>) -> Option<&'s Symbol> {
    let mut found = symbols.iter().filter(|(known, _)| name.starts_with('.') && known.ends_with(name));
    let (_, symbol) = found.next()?;
    found.next().is_none().then_some(symbol)
}

fn symbol(name: &str, span: Span, scope: &Scope<'_>) -> Result<Linear, Error> {
    let own = scope.symbols.get(&full_name(scope.parent, name));
    match own.or_else(|| only_local(name, scope.symbols)) {
        Some(Symbol::Label(address)) => Ok(Linear::constant((*address).into(), true)),
        Some(Symbol::Constant(number)) => Ok(Linear::constant(*number, false)),
        Some(Symbol::Unplaced) => Ok(Linear::constant(scope.here.into(), true)),
        None => Err(Error::new(span, ErrorKind::UndefinedLabel)),
    }
}

fn binary(operator: char, left: Linear, right: Linear, span: Span) -> Result<Linear, Error> {
    match operator {
        '+' => left.plus(right, span),
        '-' => left.plus(right.times(-1, false, span)?, span),
        '*' if left.count == 0 => right.times(left.number, true, span),
        '*' if right.count == 0 => left.times(right.number, true, span),
        _ if left.count + right.count == 0 => {
            let number = arithmetic(operator, left.number, right.number);
            let number = number.ok_or(Error::new(span, ErrorKind::Arithmetic))?;
            Ok(Linear::constant(number, left.symbolic || right.symbolic))
        }
        _ => Err(Error::new(span, ErrorKind::NotANumber)),
    }
}

fn arithmetic(operator: char, left: i128, right: i128) -> Option<i128> {
    let bits = u32::try_from(right).ok().filter(|bits| *bits < 64);
    match operator {
        '/' => left.checked_div(right),
        '%' => left.checked_rem(right),
        '<' => Some(left << bits?),
        '>' => Some(left >> bits?),
        '&' => Some(left & right),
        '|' => Some(left | right),
        _ => Some(left ^ right),
    }
}
