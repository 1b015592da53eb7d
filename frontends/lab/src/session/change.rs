//! Changes that the user makes: registers, memory, breakpoints, the program itself.

use std::path::Path;

use midstride_control::{Backend, CodePoint, Condition, Controller, InsnId, Registers, Relation};

use super::listing::Listing;
use super::place::Place;
use super::{Session, Sink};
use crate::error::Error;
use crate::event::{Event, Number, Why};
use crate::registers::{self, Part};

const SET: &str = "set REGISTER = VALUE  or  set [ADDRESS].TYPE = VALUE";
const BREAK: &str = "break [WHERE [if REGISTER RELATION VALUE]]";
const ASSERT: &str = "assert LEFT RELATION RIGHT";

/// Relations, those of two characters first.
const RELATIONS: [&str; 7] = ["==", "!=", "<=", ">=", "<", ">", "="];

/// What a register is set to.
enum Assigned {
    Word(u64),
    Text(String),
}

impl Assigned {
    fn set(&self, part: Part, registers: &mut Registers) -> Result<(), Error> {
        match self {
            Self::Word(word) => part.set_word(registers, *word),
            Self::Text(text) => part.set_text(registers, text),
        }
    }
}

/// A text divided at its first relation.
fn divide(text: &str) -> Option<(&str, &'static str, &str)> {
    let found = RELATIONS.iter().filter_map(|relation| Some((text.find(relation)?, *relation)));
    let (at, relation) = found.min_by_key(|(at, relation)| (*at, 2 - relation.len()))?;
    Some((text[..at].trim(), relation, text[at + relation.len()..].trim()))
}

impl Session {
    /// What a sum of labels, registers and numbers comes to.
    pub(crate) fn value_of(&self, text: &str) -> Result<u64, Error> {
        let registers = self.state()?.registers;
        let register = |iced| registers::word(&registers, iced);
        midstride_syntax::evaluate(text, &self.listing.assembly.labels, register)
            .map_err(|error| Error::syntax(text, error))
    }

    /// `set rax = 5`, `set xmm0.f32[1] = 2.5, 3`, `set zf = 1`, `set rip = label`, `set [rsp].u32 = 1, 2`
    pub(crate) fn set(&mut self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        let (name, value) = text.split_once('=').ok_or(Error::usage(SET))?;
        let (name, values) = (name.trim(), value.split(',').map(str::trim));
        self.remember()?;
        if let Some((address, number)) = memory_name(name)? {
            return self.set_memory(address, number, values);
        }
        self.before = self.state()?.registers;
        let mut part = Part::parse(name)?;
        let mut registers = self.before.clone();
        let mut changes = Vec::new();
        for (nth, value) in values.enumerate() {
            if nth > 0 {
                part = part.following().ok_or(Error::usage(SET))?;
            }
            if part == Part::Whole(midstride_frame::Register::RIP) {
                return self.jump(value, sink);
            }
            changes.push((part, self.set_part(part, &mut registers, value)?));
        }
        // Only these: the program may be running.
        self.control.change(Box::new(move |state| {
            for (part, value) in changes {
                // They were set in a copy already.
                let _ = value.set(part, &mut state.registers);
            }
        }))?;
        let now = self.state()?.registers;
        now.changes(&self.before).iter().for_each(|change| sink(Event::Changed(change)));
        Ok(())
    }

    /// Changes a part; gives back how.
    fn set_part(&self, part: Part, registers: &mut Registers, value: &str) -> Result<Assigned, Error> {
        // A lane of floats takes `2`, so what is written is tried first.
        let written = Assigned::Text(value.to_owned());
        if written.set(part, registers).is_ok() {
            return Ok(written);
        }
        let word = self.value_of(value)?;
        let assigned = match part {
            Part::Lane { .. } => Assigned::Text(word.cast_signed().to_string()),
            _ => Assigned::Word(word),
        };
        assigned.set(part, registers)?;
        Ok(assigned)
    }

    /// Changes all registers but rip, which is not what the listing says it is.
    pub(super) fn put_registers(&self, registers: Registers) -> Result<(), Error> {
        Ok(self.control.change(Box::new(move |state| {
            let rip = state.registers.gpr.rip;
            state.registers = registers;
            state.registers.gpr.rip = rip;
        }))?)
    }

    /// Goes on at another instruction.
    fn jump(&mut self, place: &str, sink: Sink<'_>) -> Result<(), Error> {
        let id = self.instruction_at(place)?;
        self.move_to(id)?;
        self.tell_place(CodePoint::At(id), Why::Waiting, sink);
        Ok(())
    }

    fn set_memory<'v>(
        &self,
        address: &str,
        number: Number,
        values: impl Iterator<Item = &'v str>,
    ) -> Result<(), Error> {
        let mut address = self.value_of(address)?;
        for value in values {
            let bytes = match number.parse(value) {
                Some(bytes) => bytes,
                None => {
                    let word = self.value_of(value)?.cast_signed().to_string();
                    number.parse(&word).ok_or_else(|| Error::BadValue { text: value.to_owned() })?
                }
            };
            self.control.write(address, &bytes)?;
            address += bytes.len() as u64;
        }
        Ok(())
    }

    /// The instruction that a label, an address, or a line number means.
    fn instruction_at(&self, place: &str) -> Result<InsnId, Error> {
        let at = self.value_of(place.trim_start_matches(':'))?;
        let line = if at < self.place.base { self.listing.at_number(at) } else { self.listing.at(at) };
        line.map(|line| line.id).ok_or(Error::NoPlace { at })
    }

    /// `break`, `break loop`, `break 0x10000005 if rcx == 3`
    pub(crate) fn set_break(&mut self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        if text.is_empty() {
            self.breaks.iter().for_each(|(id, condition)| sink(self.breakpoint(*id, *condition)));
            return Ok(());
        }
        let (place, condition) = match text.split_once(" if ") {
            Some((place, condition)) => (place, Some(self.condition(condition)?)),
            None => (text, None),
        };
        let id = self.instruction_at(place.trim())?;
        self.control.set_break(id, condition)?;
        self.breaks.retain(|(known, _)| *known != id);
        self.breaks.push((id, condition));
        sink(self.breakpoint(id, condition));
        Ok(())
    }

    /// Removes a breakpoint, or all.
    pub(crate) fn clear_break(&mut self, place: &str) -> Result<(), Error> {
        let only = if place.is_empty() { None } else { Some(self.instruction_at(place)?) };
        let is_meant = |id: InsnId| only.is_none_or(|only| only == id);
        for (id, _) in self.breaks.iter().filter(|(id, _)| is_meant(*id)) {
            self.control.clear_break(*id)?;
        }
        self.breaks.retain(|(id, _)| !is_meant(*id));
        Ok(())
    }

    fn breakpoint(&self, id: InsnId, condition: Option<Condition>) -> Event {
        let code = self.listing.line(id).map(|line| self.code(line));
        Event::Breakpoint { code, condition: condition.map(|condition| condition.to_string()) }
    }

    /// `rcx == 3`, `rax & 0xff != 0`, `rcx < 10`
    fn condition(&self, text: &str) -> Result<Condition, Error> {
        let (left, relation, right) = divide(text).ok_or(Error::usage(BREAK))?;
        let (name, mask) = match left.split_once('&') {
            Some((name, mask)) => (name, self.value_of(mask)?),
            None => (left, u64::MAX),
        };
        let (register, mask) = match Part::parse(name)? {
            Part::Whole(register) => (register, mask),
            Part::Bits { register, shift: 0, bits } => (register, mask & (u64::MAX >> (64 - bits))),
            _ => return Err(Error::usage(BREAK)),
        };
        let value = self.value_of(right)?;
        let above = value.checked_add(1).ok_or_else(|| Error::BadValue { text: right.to_owned() });
        let (relation, value) = match relation {
            "!=" => (Relation::NotEqual, value),
            "<" => (Relation::Below, value),
            ">=" => (Relation::AtLeast, value),
            "<=" => (Relation::Below, above?),
            ">" => (Relation::AtLeast, above?),
            _ => (Relation::Equal, value),
        };
        Ok(Condition { register, mask, relation, value })
    }

    /// Writes what was typed into a file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let failed = |error| Error::File { path: path.to_owned(), error };
        std::fs::write(path, &self.listing.source).map_err(failed)
    }

    /// `assert rax == 49`, `assert xmm0.f32[0] == 2.5`, `assert rax + rbx < 100`
    pub(crate) fn assert(&self, text: &str) -> Result<(), Error> {
        let (left, relation, right) = divide(text).ok_or(Error::usage(ASSERT))?;
        let registers = self.state()?.registers;
        if let Ok(part @ Part::Lane { number, .. }) = Part::parse(left) {
            let bytes = part.lane_bytes(&registers).unwrap_or_default();
            let wanted = number.parse(right).ok_or_else(|| Error::BadValue { text: right.to_owned() })?;
            let holds = (bytes == wanted) == (relation != "!=");
            let text = format!("{text} ({})", number.show(&bytes));
            return holds.then_some(()).ok_or(Error::Assertion { text, value: word(&bytes) });
        }
        let side = |text: &str| match Part::parse(text).ok().and_then(|part| part.word(&registers)) {
            Some(word) => Ok(word),
            None => self.value_of(text),
        };
        let (value, other) = (side(left)?, side(right)?);
        let holds = match relation {
            "!=" => value != other,
            "<" => value < other,
            "<=" => value <= other,
            ">" => value > other,
            ">=" => value >= other,
            _ => value == other,
        };
        holds.then_some(()).ok_or(Error::Assertion { text: text.to_owned(), value })
    }

    /// Replaces the program while it stands where it is; it goes on with what was kept.
    pub(crate) fn reload(&mut self, path: Option<&Path>, sink: Sink<'_>) -> Result<(), Error> {
        let path = path.or(self.file.as_deref()).ok_or(Error::Nothing { what: "reload" })?.to_owned();
        let listing = self.read_file(&path)?;
        let snapshot = self.snapshot()?;
        let old: Vec<InsnId> = self.listing.lines.iter().map(|line| line.id).collect();
        self.install(listing)?;
        self.keep(snapshot);
        self.file = Some(path);
        let kept = self.listing.lines.iter().filter(|line| old.contains(&line.id)).count();
        let (new, gone) = (self.listing.lines.len() - kept, old.len() - kept);
        sink(Event::Text(format!("{kept} instructions kept, {new} new, {gone} gone")));
        let point = self.control.state()?.point;
        if matches!(point, CodePoint::At(_)) {
            self.tell_place(point, Why::Waiting, sink);
        }
        Ok(())
    }

    /// Goes on with another backend: program, registers and memory stay, states to go back to do not.
    pub(crate) fn change_backend(&mut self, backend: Backend) -> Result<(), Error> {
        let snapshot = self.snapshot()?;
        // A process that is forked inherits what is mapped here, so that has to go first.
        self.leave_place()?;
        let started = super::start::start_control(backend, self.trust);
        let failed = started.map(|control| self.control = control).err();
        let place = Place::map(&self.control, Some(self.place))?;
        let moved = place != self.place;
        self.place = place;
        self.listing = Listing::empty(place.base);
        // Addresses in registers and memory mean nothing elsewhere.
        if moved {
            self.reset()?
        } else {
            self.restore(snapshot)?
        }
        match failed {
            Some(error) => Err(error),
            None => {
                self.past.clear();
                Ok(())
            }
        }
    }
}

/// `[rsp+8].u32` as an address and a type, `u64` where none is written.
fn memory_name(name: &str) -> Result<Option<(&str, Number)>, Error> {
    let Some(rest) = name.strip_prefix('[') else { return Ok(None) };
    let (address, kind) = rest.split_once(']').ok_or(Error::usage(SET))?;
    let kind = kind.trim_start_matches('.').trim();
    let number = if kind.is_empty() { Some(Number::Unsigned(8)) } else { Number::named(kind) };
    Ok(Some((address, number.ok_or_else(|| Error::unknown("type", kind))?)))
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
