//! Counting unsafe code by tokens, so that comments and strings do not count and macro bodies do.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// Unsafe code by kind.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Counts {
    /// `unsafe { .. }`
    blocks: usize,
    /// `unsafe fn`, also behind `extern`
    functions: usize,
    /// `unsafe impl`, `unsafe trait`
    contracts: usize,
    /// Invocations of `asm!`, `naked_asm!`, `global_asm!`
    assembly: usize,
}

impl Counts {
    /// Counts in a source file's text, tests left out.
    pub(super) fn of(text: &str) -> Result<Self> {
        let tokens = TokenStream::from_str(text).map_err(|error| anyhow!("not Rust: {error}"))?;
        let mut counts = Self::default();
        counts.add_stream(tokens);
        Ok(counts)
    }

    fn add_stream(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let Some(behind) = test_module(&tokens[at..]) {
                at += behind;
                continue;
            }
            self.add_token(&tokens[at], tokens.get(at + 1));
            at += 1;
        }
    }

    fn add_token(&mut self, token: &TokenTree, next: Option<&TokenTree>) {
        match token {
            TokenTree::Group(group) => self.add_stream(group.stream()),
            TokenTree::Ident(word) if word == "unsafe" => self.add_unsafe(next),
            TokenTree::Ident(word) if is_assembly(word) && is_punct(next, '!') => self.assembly += 1,
            _ => {}
        }
    }

    /// `#[unsafe(no_mangle)]` and its like are attributes, not code: the parenthesis behind the word tells.
    fn add_unsafe(&mut self, next: Option<&TokenTree>) {
        match next {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => self.blocks += 1,
            Some(TokenTree::Ident(word)) if word == "fn" || word == "extern" => self.functions += 1,
            Some(TokenTree::Ident(word)) if word == "impl" || word == "trait" => self.contracts += 1,
            _ => {}
        }
    }
}

/// How many tokens `#[cfg(test)] mod name { .. }` takes, when that is what comes next.
fn test_module(tokens: &[TokenTree]) -> Option<usize> {
    let [hash, TokenTree::Group(attribute), TokenTree::Ident(word), _, TokenTree::Group(_), ..] = tokens
    else {
        return None;
    };
    (is_punct(Some(hash), '#') && is_cfg_test(attribute) && word == "mod").then_some(5)
}

fn is_assembly(word: &Ident) -> bool {
    ["asm", "naked_asm", "global_asm"].iter().any(|name| word == name)
}

fn is_cfg_test(attribute: &Group) -> bool {
    attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.functions += other.functions;
        self.contracts += other.contracts;
        self.assembly += other.assembly;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {} | {}", self.blocks, self.functions, self.contracts, self.assembly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let text = r##"
            // unsafe { }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn entry() { let text = "unsafe {}"; unsafe { work(text) } }
            unsafe impl Send for Entry {}
            macro_rules! twice { () => { unsafe { core::arch::asm!("nop") } } }
            #[cfg(test)]
            mod tests { fn f() { unsafe { g() } } }
        "##;
        assert_eq!(Counts::of(text).unwrap(), Counts { blocks: 2, functions: 1, contracts: 1, assembly: 1 });
    }

    #[test]
    fn a_text_that_is_not_rust_is_refused() {
        assert!(Counts::of("fn {").is_err());
    }
}
