//! What `midwasm` itself prints, besides what the program prints that it runs.

use std::fmt::Display;
use std::io::{self, Write as _};

use anyhow::{Context, Result};

/// Prints to the standard output.
pub(crate) fn print(text: impl Display) -> Result<()> {
    match write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
        // Who reads it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output"),
    }
}

/// Says something on the standard error stream. When nobody can be told, that cannot be told either.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "midwasm: {text}");
}

/// An error with its causes, those left out that it tells of itself.
pub(crate) fn reasons(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match &*told {
        "" => cause,
        _ if told.contains(&cause) => told,
        _ => format!("{told}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("no such file").context("a: no such file").context("b");
        assert_eq!(reasons(&error), "b: a: no such file");
        assert_eq!(reasons(&anyhow::anyhow!("same").context("same")), "same");
    }
}
