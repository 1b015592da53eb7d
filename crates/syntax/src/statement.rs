//! Statements as they are written.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cursor::Cursor;
use crate::decorator::{Decorator, HYPHENATED, Prefix};
use crate::directive::Directive;
use crate::error::{Error, ErrorKind};
use crate::expr::Expr;
use crate::form::Form;
use crate::index;
use crate::lexer::TokenKind;
use crate::operand::Operand;
use crate::span::Span;
use crate::value::full_name;

/// What stands between two ends.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Statement {
    pub(crate) span: Span,
    pub(crate) kind: StatementKind,
    /// The label that local ones belong to.
    pub(crate) parent: String,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum StatementKind {
    /// A label with its full name.
    Label(String),
    /// `name = value`
    Constant(String, Expr),
    Directive(Directive),
    Insn(Written),
}

/// An instruction.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Written {
    pub(crate) name: Span,
    /// What the name can mean.
    pub(crate) forms: &'static [Form],
    pub(crate) prefixes: Vec<(Prefix, Span)>,
    pub(crate) distance: Option<Distance>,
    pub(crate) operands: Vec<Operand>,
    pub(crate) decorators: Vec<(Decorator, Span)>,
}

/// How far a branch is said to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Distance {
    Short,
    Near,
    Far,
}

const DISTANCES: [(&str, Distance); 3] =
    [("short", Distance::Short), ("near", Distance::Near), ("far", Distance::Far)];

/// Reads all statements of a source.
pub(crate) fn statements(cursor: &mut Cursor<'_>) -> Result<Vec<Statement>, Error> {
    let mut all = Vec::new();
    let mut parent = String::new();
    while !cursor.is_at_end() {
        if cursor.take(TokenKind::End).is_some() {
            continue;
        }
        let start = cursor.peek().span;
        let kind = statement(cursor, &parent)?;
        let span = cursor.span_from(start);
        if let StatementKind::Label(name) = &kind
            && !start.text(cursor.source).starts_with('.')
        {
            parent.clone_from(name);
        }
        all.push(Statement { span, kind, parent: parent.clone() });
    }
    Ok(all)
}

fn statement(cursor: &mut Cursor<'_>, parent: &str) -> Result<StatementKind, Error> {
    if let Some(name) = cursor.word() {
        let defines = |kind| cursor.peek_behind(1).kind == kind;
        if defines(TokenKind::Mark(':')) {
            cursor.next();
            cursor.next();
            return Ok(StatementKind::Label(full_name(parent, name)));
        }
        if defines(TokenKind::Mark('=')) || is_word_behind(cursor, "equ") {
            cursor.next();
            cursor.next();
            let kind = StatementKind::Constant(full_name(parent, name), Expr::parse(cursor)?);
            return end(cursor, kind);
        }
        if let Some(directive) = Directive::parse(cursor)? {
            return end(cursor, StatementKind::Directive(directive));
        }
    }
    Ok(StatementKind::Insn(Written::parse(cursor)?))
}

fn is_word_behind(cursor: &Cursor<'_>, word: &str) -> bool {
    let token = cursor.peek_behind(1);
    token.kind == TokenKind::Name && cursor.text(token).eq_ignore_ascii_case(word)
}

fn end(cursor: &Cursor<'_>, kind: StatementKind) -> Result<StatementKind, Error> {
    expect_end(cursor).map(|()| kind)
}

fn expect_end(cursor: &Cursor<'_>) -> Result<(), Error> {
    match cursor.peek().kind {
        TokenKind::End => Ok(()),
        _ => Err(cursor.expected("the end of the statement")),
    }
}

/// The forms that a name can mean.
fn known(name: &str, span: Span) -> Result<&'static [Form], Error> {
    index::forms(name)
        .ok_or_else(|| Error::new(span, ErrorKind::UnknownName { similar: index::similar(name) }))
}

impl Written {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let mut decorators = Vec::new();
        while let Some(token) = cursor.take(TokenKind::Braced) {
            decorators.push((Decorator::parse(cursor.text(token), token.span)?, token.span));
        }
        let mut prefixes = Vec::new();
        while let Some(prefix) = prefix(cursor) {
            prefixes.push(prefix);
        }
        let name = cursor.take(TokenKind::Name).ok_or_else(|| cursor.expected("an instruction"))?.span;
        // What follows a word that means nothing need not make sense.
        let forms = known(name.text(cursor.source), name)?;
        let distance = distance(cursor);
        let mut written = Self { name, forms, prefixes, distance, operands: Vec::new(), decorators };
        written.parse_operands(cursor)?;
        expect_end(cursor)?;
        Ok(written)
    }

    fn parse_operands(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        if cursor.peek().kind == TokenKind::End {
            return Ok(());
        }
        loop {
            match cursor.take(TokenKind::Braced) {
                // `vaddps zmm1, zmm2, zmm3, {rn-sae}`
                Some(token) => {
                    self.decorators.push((Decorator::parse(cursor.text(token), token.span)?, token.span));
                }
                None => self.operands.push(Operand::parse(cursor, &mut self.decorators)?),
            }
            if cursor.take_mark(',').is_none() {
                return Ok(());
            }
        }
    }
}

/// Takes a prefix, unless it stands alone and so is an instruction or an error.
fn prefix(cursor: &mut Cursor<'_>) -> Option<(Prefix, Span)> {
    let start = cursor.peek().span;
    if let Some(prefix) = hyphenated(cursor) {
        return Some((prefix, cursor.span_from(start)));
    }
    let prefix = Prefix::parse(cursor.word()?)?;
    cursor.next();
    Some((prefix, start))
}

fn hyphenated(cursor: &mut Cursor<'_>) -> Option<Prefix> {
    let matches = |words: &[&str]| {
        words.iter().enumerate().all(|(nth, word)| {
            let separated = nth == 0 || cursor.peek_behind(nth * 2 - 1).kind == TokenKind::Mark('-');
            separated && cursor.text(cursor.peek_behind(nth * 2)).eq_ignore_ascii_case(word)
        })
    };
    let (words, prefix) = HYPHENATED.iter().find(|(words, _)| matches(words))?;
    for _ in 1..words.len() * 2 {
        cursor.next();
    }
    Some(*prefix)
}

/// Takes `short`, `near` or `far` in front of an operand, and the `ptr` that may follow.
fn distance(cursor: &mut Cursor<'_>) -> Option<Distance> {
    let word = cursor.word()?;
    let (_, distance) = DISTANCES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word))?;
    cursor.next();
    cursor.take_word("ptr");
    Some(*distance)
}
