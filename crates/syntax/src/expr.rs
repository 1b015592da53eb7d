//! Sums of numbers, labels and registers.

use alloc::boxed::Box;
use alloc::string::String;

use iced_x86::Register;

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};
use crate::lexer::TokenKind;
use crate::span::Span;
use crate::{number, quote, registers};

/// An expression as it is written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Expr {
    pub(crate) span: Span,
    pub(crate) kind: ExprKind,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ExprKind {
    Number(u64),
    Register(Register),
    Symbol(String),
    /// `$`, the address of the statement.
    Here,
    Unary(char, Box<Expr>),
    Binary(char, Box<Expr>, Box<Expr>),
}

/// Levels of nesting that are read.
const MAX_DEPTH: usize = 40;

/// Operators by how strongly they bind, the weakest first. `<` and `>` are shifts.
const LEVELS: [&str; 6] = ["|", "^", "&", "<>", "+-", "*/%"];

impl Expr {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        Parser { cursor, depth: 0 }.level(0)
    }

    fn binary(operator: char, left: Self, right: Self) -> Self {
        let span = left.span.to(right.span);
        Self { span, kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)) }
    }

    /// The sum of two expressions.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self::binary('+', self, other)
    }
}

struct Parser<'c, 's> {
    cursor: &'c mut Cursor<'s>,
    depth: usize,
}

impl Parser<'_, '_> {
    /// Operators of one level and all that bind more strongly.
    fn level(&mut self, level: usize) -> Result<Expr, Error> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        // The tree grows to the left by one level for each operator.
        for _ in 0..MAX_TERMS {
            let Some(operator) = self.operator(operators) else { return Ok(left) };
            let right = self.level(level + 1)?;
            left = Expr::binary(operator, left, right);
        }
        Err(Error::new(left.span, ErrorKind::TooDeep))
    }

    fn operator(&mut self, operators: &str) -> Option<char> {
        let TokenKind::Mark(mark) = self.cursor.peek().kind else { return None };
        let doubled = matches!(mark, '<' | '>');
        let complete = !doubled || self.cursor.peek_behind(1).kind == TokenKind::Mark(mark);
        if !operators.contains(mark) || !complete {
            return None;
        }
        self.cursor.next();
        if doubled {
            self.cursor.next();
        }
        Some(mark)
    }

    fn unary(&mut self) -> Result<Expr, Error> {
        self.depth += 1;
        let token = self.cursor.peek();
        if self.depth > MAX_DEPTH {
            return Err(Error::new(token.span, ErrorKind::TooDeep));
        }
        let expr = match token.kind {
            TokenKind::Mark(sign @ ('+' | '-' | '~')) => {
                self.cursor.next();
                let inner = self.unary()?;
                Expr { span: token.span.to(inner.span), kind: ExprKind::Unary(sign, Box::new(inner)) }
            }
            TokenKind::Mark('(') => self.parenthesis()?,
            _ => self.atom()?,
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn parenthesis(&mut self) -> Result<Expr, Error> {
        let open = self.cursor.next().span;
        let inner = self.level(0)?;
        let close = self.cursor.expect_mark(')', ")")?.span;
        Ok(Expr { span: open.to(close), ..inner })
    }

    fn atom(&mut self) -> Result<Expr, Error> {
        let token = self.cursor.peek();
        let text = self.cursor.text(token);
        let kind = match token.kind {
            TokenKind::Number => {
                let bad = Error::new(token.span, ErrorKind::BadNumber);
                ExprKind::Number(number::parse(text).ok_or(bad)?)
            }
            TokenKind::Quoted => {
                let bad = Error::new(token.span, ErrorKind::BadQuotation);
                ExprKind::Number(quote::number(text).ok_or(bad)?)
            }
            TokenKind::Name if text == "$" => ExprKind::Here,
            TokenKind::Name => {
                self.cursor.next();
                return self.name(token.span, text);
            }
            _ => return Err(self.cursor.expected("a register, a number or a label")),
        };
        self.cursor.next();
        Ok(Expr { span: token.span, kind })
    }

    fn name(&mut self, span: Span, text: &str) -> Result<Expr, Error> {
        let kind = match registers::find(text) {
            Some(Register::ST0) if self.cursor.take_mark('(').is_some() => return self.stack_register(span),
            Some(register) => ExprKind::Register(register),
            None => ExprKind::Symbol(text.into()),
        };
        Ok(Expr { span, kind })
    }

    /// What follows `st(`.
    fn stack_register(&mut self, start: Span) -> Result<Expr, Error> {
        const WHAT: &str = "a number from 0 to 7 and )";
        let text = self.cursor.text(self.cursor.peek());
        let number = number::parse(text).and_then(|number| u32::try_from(number).ok());
        let register = number.filter(|number| *number < 8).map(|number| Register::ST0 + number);
        let register = register.ok_or_else(|| self.cursor.expected(WHAT))?;
        self.cursor.next();
        let close = self.cursor.expect_mark(')', ")")?.span;
        Ok(Expr { span: start.to(close), kind: ExprKind::Register(register) })
    }
}

/// Operators of one level in a row.
const MAX_TERMS: usize = 64;
