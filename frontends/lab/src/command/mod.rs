//! Commands: what they are called, how they are read, how they are carried out.

mod help;
mod table;

use std::path::{Path, PathBuf};

use midstride_control::Backend;

use crate::error::Error;
use crate::event::Event;
use crate::session::{Session, Sink};
pub(crate) use help::help;
pub use table::{Scope, Spec, Verb, specs};

/// A line of input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Nothing: a blank line or a comment.
    Nothing,
    /// Instructions, data, labels; in Intel syntax or as bytes.
    Code(String),
    /// A command with what follows it.
    Verb(Verb, String),
}

/// What is to come behind a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The next line.
    Next,
    /// The end.
    Quit,
}

impl Command {
    /// Reads a line. Whatever does not begin with the name of a command is code.
    ///
    /// ```
    /// use midstride_lab::{Command, Verb};
    ///
    /// assert_eq!(Command::parse("step 3"), Command::Verb(Verb::Step, "3".to_owned()));
    /// assert_eq!(Command::parse("mov eax, 1"), Command::Code("mov eax, 1".to_owned()));
    /// assert_eq!(Command::parse("  # a comment"), Command::Nothing);
    /// ```
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
            return Self::Nothing;
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        // `step:` is a label.
        match table::verb(word) {
            Some(verb) => Self::Verb(verb, rest.trim().to_owned()),
            None => Self::Code(line.to_owned()),
        }
    }
}

impl Command {
    /// Whether it can be carried out while the program runs.
    fn is_for_running(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Code(_) => false,
            Self::Verb(verb, _) => table::spec(*verb).scope == Scope::Always,
        }
    }
}

impl Session {
    /// Carries out a line of input: a command, instructions, or bytes.
    ///
    /// # Errors
    /// [`Error`]; the session is as it was. A program that faults is no error, but an [`Event`].
    pub fn execute(&mut self, line: &str, sink: Sink<'_>) -> Result<Flow, Error> {
        let has_ended = self.catch_up(sink)?;
        let (states, command) = (self.states(), Command::parse(line));
        if has_ended && matches!(command, Command::Verb(Verb::Continue | Verb::Stop, _)) {
            // What they ask for has come about.
            return Ok(Flow::Next);
        }
        if self.is_running() && !command.is_for_running() {
            return Err(Error::Running);
        }
        let done = match command {
            Command::Nothing => Ok(()),
            Command::Code(text) => self.type_code(&text, sink),
            Command::Verb(Verb::Quit, _) => return Ok(Flow::Quit),
            Command::Verb(verb, rest) => self.carry_out(verb, &rest, sink),
        };
        if done.is_err() {
            self.forget_states_beyond(states);
        }
        done.map(|()| Flow::Next)
    }

    fn carry_out(&mut self, verb: Verb, rest: &str, sink: Sink<'_>) -> Result<(), Error> {
        match verb {
            Verb::Run => self.run_file(rest, sink),
            Verb::Load => self.load_file(Path::new(file(rest, verb)?)),
            Verb::Reload => {
                self.reload(Some(PathBuf::from(rest)).filter(|_| !rest.is_empty()).as_deref(), sink)
            }
            Verb::Save => self.save(Path::new(file(rest, verb)?)),
            Verb::Step => {
                let count = if rest.is_empty() { 1 } else { self.value_of(rest)? };
                self.step(count, sink)
            }
            Verb::Continue => self.go_on(sink),
            Verb::Go => self.go(sink),
            Verb::Stop => self.stop(sink),
            Verb::Break => self.set_break(rest, sink),
            Verb::Delete => self.clear_break(rest),
            Verb::Set => self.set(rest, sink),
            Verb::Assert => self.assert(rest),
            Verb::Mem => self.show_memory(rest, sink),
            Verb::Stack => self.show_stack(rest, sink),
            Verb::Regs => self.show_registers(rest, sink),
            Verb::Diff => self.diff(sink),
            Verb::Undo => self.undo(sink),
            Verb::Reset => self.reset(),
            Verb::List => self.list(sink),
            Verb::Asm => self.assemble(rest, sink),
            Verb::Dis => self.disassemble(rest, sink),
            Verb::Bench => self.bench(rest, sink),
            Verb::Backend => self.show_or_switch(rest, sink),
            Verb::Help => help(rest, sink),
            Verb::Quit => Ok(()),
        }
    }

    fn run_file(&mut self, path: &str, sink: Sink<'_>) -> Result<(), Error> {
        if !path.is_empty() {
            self.load_file(Path::new(path))?;
        }
        self.run(sink)
    }

    fn show_or_switch(&mut self, name: &str, sink: Sink<'_>) -> Result<(), Error> {
        if !name.is_empty() {
            let backend = Backend::ALL.into_iter().find(|backend| backend.name() == name);
            let backend = backend.ok_or_else(|| Error::unknown("backend", name))?;
            self.change_backend(backend)?;
        }
        sink(Event::Backend(self.backend()));
        Ok(())
    }
}

/// The path that a command cannot do without.
fn file(rest: &str, verb: Verb) -> Result<&str, Error> {
    if rest.is_empty() { Err(Error::usage(table::spec(verb).usage)) } else { Ok(rest) }
}
