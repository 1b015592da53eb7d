//! Where events and errors are written.

use std::io::Write;

use anstyle::{AnsiColor, Style as Ansi};
use midstride_lab::{Error, Event, Text};

const BAD: Ansi = AnsiColor::Red.on_default().bold();

/// How events are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As text, in colours on terminals.
    Text,
    /// One JSON object in each line.
    Json,
}

/// The output of one run.
pub(crate) struct Output {
    style: Style,
}

impl Output {
    pub(crate) fn new(style: Style) -> Self {
        Self { style }
    }

    /// Writes an event. Nobody may be reading any more, which is none of our business.
    pub(crate) fn event(&self, event: &Event) {
        let _ = match self.style {
            Style::Text => write!(anstream::stdout().lock(), "{}", Text(event)),
            Style::Json => writeln!(std::io::stdout().lock(), "{}", event.to_json()),
        };
    }

    /// Writes an error, as an event like others for programs.
    pub(crate) fn error(&self, error: &Error) {
        let _ = match self.style {
            Style::Text => writeln!(anstream::stderr().lock(), "{BAD}error{BAD:#}: {error}"),
            Style::Json => writeln!(std::io::stdout().lock(), "{}", error.to_json()),
        };
    }
}
