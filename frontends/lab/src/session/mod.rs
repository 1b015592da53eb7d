//! A program, the machine that runs it, and what was done to both.

mod bench;
mod change;
mod listing;
mod place;
mod run;
mod show;
mod start;
mod undo;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use midstride_control::{
    Backend, CodePoint, Condition, Controller, InsnId, Registers, Session as Control, State,
};
use midstride_syntax::{ErrorKind, Item};

use crate::error::Error;
use crate::event::{Code, Event};
use crate::hex;
use listing::{Line, Listing};
use place::Place;
use start::{Trust, start_control};
use undo::Snapshot;

/// Where events go.
pub type Sink<'s> = &'s mut dyn FnMut(Event);

/// A program under control, and its listing.
///
/// Code and data stand at fixed addresses, so do the stack and what is seen of both; where the code really runs is
/// the backend's business. Jumps to addresses of the listing arrive at the instructions there.
///
/// ```
/// use midstride_control::Backend;
/// use midstride_lab::{Event, Session};
///
/// // SAFETY: the instructions below change registers only.
/// let mut lab = unsafe { Session::start(Backend::Translated) }?;
/// let mut changed = Vec::new();
/// lab.execute("mov eax, 7; imul eax, eax", &mut |event| {
///     if let Event::Changed(change) = event {
///         changed.push(change.to_string());
///     }
/// })?;
/// assert_eq!(changed[0], "rax     0 → 31 (49)");
/// # Ok::<(), midstride_lab::Error>(())
/// ```
pub struct Session {
    control: Control,
    trust: Trust,
    place: Place,
    listing: Listing,
    file: Option<PathBuf>,
    breaks: Vec<(InsnId, Option<Condition>)>,
    /// The registers before the last command that ran something.
    before: Registers,
    /// States to go back to.
    past: Vec<Snapshot>,
    interrupt: Arc<AtomicBool>,
    ended_badly: bool,
    /// Whether the program runs without being waited for.
    running: bool,
}

impl Session {
    fn new(backend: Backend, trust: Trust) -> Result<Self, Error> {
        let control = start_control(backend, trust)?;
        let place = Place::map(&control, None)?;
        let mut session = Self {
            before: control.state()?.registers,
            control,
            trust,
            place,
            listing: Listing::empty(place.base),
            file: None,
            breaks: Vec::new(),
            past: Vec::new(),
            interrupt: Arc::default(),
            ended_badly: false,
            running: false,
        };
        session.reset()?;
        Ok(session)
    }

    /// The flag that stops a running program when it is set; for signal handlers and other threads.
    #[must_use]
    pub fn interrupt_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    /// The backend in use.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.control.backend()
    }

    /// Whether a program faulted or was killed since the session was started.
    #[must_use]
    pub fn ended_badly(&self) -> bool {
        self.ended_badly
    }

    /// Whether the program runs while commands are carried out (`go`).
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// The labels of the program.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.listing.assembly.labels.keys().map(String::as_str)
    }

    /// Assembles a line, adds it to the program and runs it: from its first instruction until control leaves the
    /// program. Bytes in hex (`48 01 d8`) are instructions too.
    ///
    /// # Errors
    /// [`Error::Syntax`] and what the backend refuses; the program is as it was.
    pub fn type_code(&mut self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        let bytes = hex::parse(text);
        let source = bytes.as_ref().map_or_else(|| text.to_owned(), |bytes| hex::directive(bytes));
        let listing =
            self.listing.with_more(&source).or_else(|error| self.with_own_labels(&source, error))?;
        let (start, snapshot) = (self.listing.source.len(), self.snapshot()?);
        self.install(listing)?;
        self.keep(snapshot);
        for item in self.listing.assembly.items.iter().filter(|item| item.span.start >= start) {
            self.codes(item).into_iter().for_each(|code| sink(Event::Code(code)));
        }
        let added = |line: &&Line| line.number > self.listing.source[..start].matches('\n').count();
        let first = self.listing.lines.iter().find(added).filter(|_| is_run(&self.listing, start));
        match first.map(|line| line.id) {
            Some(id) => self.run_from(id, sink),
            None => Ok(()),
        }
    }

    /// What was typed with local labels that are there already: they become those of a label of its own.
    fn with_own_labels(&self, source: &str, error: Error) -> Result<Listing, Error> {
        let again = matches!(&error, Error::Syntax { source, error }
            if error.kind == ErrorKind::DuplicateLabel && error.span.text(source).starts_with('.'));
        let lines = self.listing.source.matches('\n').count();
        let own = format!("@{}: {source}", lines + 1);
        if again { self.listing.with_more(&own) } else { Err(error) }
    }

    /// Makes another program the current one. Where it is running, it goes on with what was kept.
    pub(crate) fn install(&mut self, listing: Listing) -> Result<(), Error> {
        let program = listing.program()?;
        self.control.load(program)?;
        for (address, bytes) in listing.bytes_unlike(&self.listing) {
            self.control.write(address, bytes)?;
        }
        self.listing = listing;
        Ok(())
    }

    /// Replaces the program by the text of a file.
    pub(crate) fn load_file(&mut self, path: &Path) -> Result<(), Error> {
        let listing = self.read_file(path)?;
        self.remember()?;
        self.reset_to(listing)?;
        self.file = Some(path.to_owned());
        Ok(())
    }

    /// The program of a file, as a change of the current one.
    pub(crate) fn read_file(&self, path: &Path) -> Result<Listing, Error> {
        let failed = |error| Error::File { path: path.to_owned(), error };
        let source = std::fs::read_to_string(path).map_err(failed)? + "\n";
        let bytes = source.len();
        self.listing.with_source(source, bytes)
    }

    /// Forgets the program; registers and stack become as at the start.
    pub(crate) fn reset(&mut self) -> Result<(), Error> {
        self.file = None;
        self.reset_to(Listing::empty(self.place.base))
    }

    fn reset_to(&mut self, listing: Listing) -> Result<(), Error> {
        self.control.cancel()?;
        self.drain();
        self.install(listing)?;
        let place = self.place;
        self.control.change(Box::new(move |state| {
            state.registers = place::first_registers(state.registers.valid, place);
        }))?;
        let stack = self.place.stack();
        self.control.write(stack.start, &vec![0; (stack.end - stack.start) as usize])?;
        self.write_way_out()?;
        self.before = self.state()?.registers;
        Ok(())
    }

    /// Puts the address where the program ends on top of the stack, for it to return to.
    fn write_way_out(&self) -> Result<(), Error> {
        Ok(self.control.write(self.place.top(), &self.place.way_out().to_le_bytes())?)
    }

    /// Forgets events that nobody waits for any more.
    fn drain(&self) {
        while self.control.events().try_next().is_some() {}
    }

    /// Registers and place, rip as an address of the listing.
    pub(crate) fn state(&self) -> Result<State, Error> {
        let mut state = self.control.state()?;
        // Where the code really is, nobody needs to know.
        state.registers.gpr.rip = self.address_of(state.point).unwrap_or(0);
        Ok(state)
    }

    /// The address in the listing that a place in the code has.
    pub(crate) fn address_of(&self, point: CodePoint) -> Option<u64> {
        match point {
            CodePoint::At(id) => Some(self.listing.line(id)?.address),
            CodePoint::Inside { insn, offset } => Some(self.listing.line(insn)?.address + u64::from(offset)),
            CodePoint::Exit(exit) => {
                let line = self.listing.line(exit.insn)?;
                Some(line.address + line.bytes.len() as u64)
            }
            CodePoint::Outside(pc) => Some(pc),
            _ => None,
        }
    }

    /// What is shown of an instruction.
    pub(crate) fn code(&self, line: &Line) -> Code {
        let items = &self.listing.assembly.items;
        let from = items.partition_point(|item| item.address < line.address);
        let item = items.get(from).filter(|item| item.address == line.address);
        Code {
            address: line.address,
            bytes: line.bytes.clone(),
            text: line.text.clone(),
            line: line.number,
            note: item.and_then(|item| item.note),
            here: false,
        }
    }

    /// What is shown of an item: its instructions, or its data.
    pub(crate) fn codes(&self, item: &Item) -> Vec<Code> {
        let lines = &self.listing.lines;
        let from = lines.partition_point(|line| line.address < item.address);
        let inside = lines[from..].iter().take_while(|line| line.address < item.end());
        let codes: Vec<Code> = inside.map(|line| self.code(line)).collect();
        if !codes.is_empty() || item.bytes.is_empty() {
            return codes;
        }
        Vec::from([Code {
            address: item.address,
            bytes: item.bytes.clone(),
            text: item.span.text(&self.listing.source).to_owned(),
            line: item.span.location(&self.listing.source).line,
            note: item.note,
            here: false,
        }])
    }
}

/// Whether what was typed behind `start` has instructions; data alone is not run.
fn is_run(listing: &Listing, start: usize) -> bool {
    let mut typed = listing.assembly.items.iter().filter(|item| item.span.start >= start);
    typed.any(|item| item.kind != midstride_syntax::ItemKind::Data)
}

impl Session {
    /// Gives memory in this process back. That of another one goes with it.
    fn leave_place(&self) -> Result<(), Error> {
        self.control.cancel()?;
        self.drain();
        if self.backend() == Backend::Ptrace { Ok(()) } else { self.place.unmap(&self.control) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A program that does not let itself be stopped keeps its memory.
        let _ = self.leave_place();
    }
}
