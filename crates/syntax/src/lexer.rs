//! Text into tokens.

use alloc::vec::Vec;

use crate::error::{Error, ErrorKind};
use crate::span::Span;

/// What a piece of text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenKind {
    /// A name: of an instruction, a register, a label, a directive.
    Name,
    /// Digits and what follows them.
    Number,
    /// Text in single or double quotes.
    Quoted,
    /// `{` to `}`.
    Braced,
    /// Any other single character.
    Mark(char),
    /// The end of a statement: of the line, or `;`.
    End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// Splits a source text; the last token is an end.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    tokens.push(Token { kind: TokenKind::End, span: Span::new(source.len(), source.len()) });
    Ok(tokens)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn next(&mut self) -> Result<Option<Token>, Error> {
        self.skip_blanks();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        let kind = match first {
            '\n' | ';' => self.take(1, TokenKind::End),
            '0'..='9' => self.take_while(is_in_number, TokenKind::Number),
            '"' | '\'' => self.take_to(first, TokenKind::Quoted)?,
            '{' => self.take_to('}', TokenKind::Braced)?,
            first if is_in_name(first) => self.take_while(is_in_name, TokenKind::Name),
            first if MARKS.contains(first) => self.take(1, TokenKind::Mark(first)),
            _ => {
                let span = Span::new(start, start + first.len_utf8());
                return Err(Error::new(span, ErrorKind::UnexpectedCharacter));
            }
        };
        Ok(Some(Token { kind, span: Span::new(start, self.at) }))
    }

    /// Skips blanks and comments, which go from `#` or `//` to the end of the line.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches(|c: char| c != '\n' && c.is_whitespace()).len();
            self.at += blanks;
            let rest = self.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if blanks == 0 {
                return;
            }
        }
    }

    fn take(&mut self, bytes: usize, kind: TokenKind) -> TokenKind {
        self.at += bytes;
        kind
    }

    fn take_while(&mut self, wanted: fn(char) -> bool, kind: TokenKind) -> TokenKind {
        let rest = self.rest();
        let bytes = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.take(bytes, kind)
    }

    /// Takes all up to `close`, which has to be in the same line and not behind a backslash.
    fn take_to(&mut self, close: char, kind: TokenKind) -> Result<TokenKind, Error> {
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                '\n' => break,
                '\\' if !escaped => escaped = true,
                c if c == close && !escaped => return Ok(self.take(at + 1, kind)),
                _ => escaped = false,
            }
        }
        Err(Error::new(Span::new(self.at, self.at + 1), ErrorKind::Unclosed { close }))
    }
}

const MARKS: &str = ",:[]()+-*/%&|^~<>=!";

fn is_in_number(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '@' | '?')
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn kinds(source: &str) -> String {
        let tokens = tokens(source).unwrap();
        let text = tokens.iter().map(|token| token.span.text(source));
        text.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn marks_separate_and_comments_vanish() {
        assert_eq!(kinds("mov eax,[rbx+4] # x ; y\nret"), "mov|eax|,|[|rbx|+|4|]|\n|ret|");
        assert_eq!(kinds("a ; b // c"), "a|;|b|");
        assert_eq!(kinds("db 'a;\\'b', \"#\""), "db|'a;\\'b'|,|\"#\"|");
        assert_eq!(kinds("v zmm1{k1}{z}"), "v|zmm1|{k1}|{z}|");
        assert_eq!(kinds(".l: loop .l"), ".l|:|loop|.l|");
    }

    #[test]
    fn what_is_open_is_an_error_at_its_start() {
        let error = tokens("db 'abc\n").unwrap_err();
        assert_eq!((error.span.start, error.kind), (3, ErrorKind::Unclosed { close: '\'' }));
        assert_eq!(tokens("mov eax, §").unwrap_err().kind, ErrorKind::UnexpectedCharacter);
    }
}
