//! Reading tokens one after the other.

use crate::error::{Error, ErrorKind};
use crate::lexer::{Token, TokenKind};
use crate::span::Span;

/// The tokens of a source, and where reading is.
pub(crate) struct Cursor<'s> {
    pub(crate) source: &'s str,
    tokens: &'s [Token],
    at: usize,
}

impl<'s> Cursor<'s> {
    /// `tokens` ends with an end.
    pub(crate) fn new(source: &'s str, tokens: &'s [Token]) -> Self {
        Self { source, tokens, at: 0 }
    }

    /// The next token; at the end of the source, its end for ever.
    pub(crate) fn peek(&self) -> Token {
        self.peek_behind(0)
    }

    /// The token behind the next `count`.
    pub(crate) fn peek_behind(&self, count: usize) -> Token {
        self.tokens[(self.at + count).min(self.tokens.len() - 1)]
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at + 1 >= self.tokens.len()
    }

    pub(crate) fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Takes the next token if it is `kind`.
    pub(crate) fn take(&mut self, kind: TokenKind) -> Option<Token> {
        (self.peek().kind == kind).then(|| self.next())
    }

    pub(crate) fn take_mark(&mut self, mark: char) -> Option<Token> {
        self.take(TokenKind::Mark(mark))
    }

    /// Takes the next token if it is this word.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let wanted = self.word().is_some_and(|next| next.eq_ignore_ascii_case(word));
        if wanted {
            self.at += 1;
        }
        wanted
    }

    /// The next token, if it is a name.
    pub(crate) fn word(&self) -> Option<&'s str> {
        let token = self.peek();
        (token.kind == TokenKind::Name).then(|| self.text(token))
    }

    pub(crate) fn expect_mark(&mut self, mark: char, what: &'static str) -> Result<Token, Error> {
        self.take_mark(mark).ok_or_else(|| self.expected(what))
    }

    /// An error that says what should be in the place of the next token.
    pub(crate) fn expected(&self, what: &'static str) -> Error {
        Error::new(self.peek().span, ErrorKind::Expected { what })
    }

    pub(crate) fn text(&self, token: Token) -> &'s str {
        token.span.text(self.source)
    }

    /// From `start` to the last token that was taken.
    pub(crate) fn span_from(&self, start: Span) -> Span {
        let last = self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].span;
        Span::new(start.start, last.end.max(start.end))
    }
}
