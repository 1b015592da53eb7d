//! Operands as they are written.

use alloc::vec::Vec;

use iced_x86::Register;

use crate::cursor::Cursor;
use crate::decorator::Decorator;
use crate::error::Error;
use crate::expr::{Expr, ExprKind};
use crate::lexer::TokenKind;
use crate::size;
use crate::span::Span;

/// An operand.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Operand {
    pub(crate) span: Span,
    /// Bytes, as said by a word like `dword`.
    pub(crate) bytes: Option<usize>,
    pub(crate) kind: OperandKind,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum OperandKind {
    Register(Register),
    Number(Expr),
    Memory { segment: Option<Register>, relative: bool, address: Expr },
}

/// Words between a size and what it is the size of.
const FILLERS: [&str; 2] = ["ptr", "offset"];

/// How a local address may be marked as relative to rip, or not.
const RELATIVE: [(&str, bool); 2] = [("rel", true), ("abs", false)];

impl Operand {
    /// Reads an operand; puts its decorations with the others.
    pub(crate) fn parse(
        cursor: &mut Cursor<'_>,
        decorators: &mut Vec<(Decorator, Span)>,
    ) -> Result<Self, Error> {
        let start = cursor.peek().span;
        let bytes = size_word(cursor);
        while FILLERS.iter().any(|filler| cursor.take_word(filler)) {}
        let kind = OperandKind::parse(cursor)?;
        let span = cursor.span_from(start);
        while let Some(token) = cursor.take(TokenKind::Braced) {
            decorators.push((Decorator::parse(cursor.text(token), token.span)?, token.span));
        }
        Ok(Self { span, bytes, kind })
    }
}

/// Takes a size, unless the word is all there is, and so a label.
fn size_word(cursor: &mut Cursor<'_>) -> Option<usize> {
    let bytes = size::parse(cursor.word()?)?;
    let alone = matches!(cursor.peek_behind(1).kind, TokenKind::End | TokenKind::Mark(',' | '+' | '-' | '*'));
    if alone {
        return None;
    }
    cursor.next();
    Some(bytes)
}

impl OperandKind {
    /// `register`, `number`, `[address]`, `segment:[address]`, `segment:number`, `number[address]`
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let segment = segment(cursor);
        if cursor.peek().kind == TokenKind::Mark('[') {
            return Self::memory(cursor, segment, None);
        }
        let expr = Expr::parse(cursor)?;
        if cursor.peek().kind == TokenKind::Mark('[') {
            return Self::memory(cursor, segment, Some(expr));
        }
        Ok(match (segment, &expr.kind) {
            (Some(_), _) => Self::Memory { segment, relative: false, address: expr },
            (None, ExprKind::Register(register)) => Self::Register(*register),
            (None, _) => Self::Number(expr),
        })
    }

    fn memory(
        cursor: &mut Cursor<'_>,
        outside: Option<Register>,
        displacement: Option<Expr>,
    ) -> Result<Self, Error> {
        cursor.expect_mark('[', "[")?;
        let marked = RELATIVE.iter().find(|(word, _)| {
            // A label may be called `rel`.
            let next = cursor.peek_behind(1).kind;
            !matches!(next, TokenKind::Mark(_)) && cursor.word() == Some(word)
        });
        if marked.is_some() {
            cursor.next();
        }
        let relative = marked.is_some_and(|(_, relative)| *relative);
        let segment = segment(cursor).or(outside);
        let inner = Expr::parse(cursor)?;
        cursor.expect_mark(']', "]")?;
        let address = displacement.into_iter().fold(inner, Expr::plus);
        Ok(Self::Memory { segment, relative, address })
    }
}

/// Takes a segment register and its colon.
fn segment(cursor: &mut Cursor<'_>) -> Option<Register> {
    let register = crate::registers::find(cursor.word()?)?;
    let is_segment = register.is_segment_register() && cursor.peek_behind(1).kind == TokenKind::Mark(':');
    if !is_segment {
        return None;
    }
    cursor.next();
    cursor.next();
    Some(register)
}
