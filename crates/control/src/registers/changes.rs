//! The difference between two states.

use core::fmt;

use midstride_frame::{Register, rflags};

use super::Registers;
use super::value::Value;
use super::vector::Vector;

/// What is different between two states of one program: iterate over it or print it.
///
/// Printed, each register has a line of its own: numbers in hex, in decimal too when they are small; flags by
/// name, those set with `+` and those cleared with `-`; vector registers by the name that is as wide as what
/// changed, in words of 8 bytes, with a dot for each that did not change.
#[derive(Clone, Copy)]
pub struct Changes<'r> {
    before: &'r Registers,
    after: &'r Registers,
}

/// One register that changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which.
    pub register: Register,
    /// What it held.
    pub before: Value,
    /// What it holds.
    pub after: Value,
}

impl<'r> Changes<'r> {
    pub(crate) fn new(before: &'r Registers, after: &'r Registers) -> Self {
        Self { before, after }
    }

    /// The registers that changed; rip is not told, it does so all the time.
    pub fn iter(&self) -> impl Iterator<Item = Change> + use<'r> {
        let Self { before, after } = *self;
        registers().filter(|register| *register != Register::RIP).filter_map(move |register| {
            let (before, after) = (before.get(register)?, after.get(register)?);
            (before != after).then_some(Change { register, before, after })
        })
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// Every register, in the order in which people look for them.
fn registers() -> impl Iterator<Item = Register> {
    (0..=u8::MAX).filter_map(Register::from_byte)
}

impl fmt::Display for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|change| writeln!(f, "{change}"))
    }
}

/// One line, without its end.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.register, self.before, self.after) {
            (Register::RFLAGS, Value::Word(before), Value::Word(after)) => {
                write!(f, "{:<7}", "rflags")?;
                flags(f, after & !before, " +")?;
                flags(f, before & !after, " -")
            }
            (register, Value::Vector(before), Value::Vector(after)) => vector(f, register, &before, &after),
            (register, before, after) => {
                write!(f, "{:<7} {} → {after}", register, Plain(before))
            }
        }
    }
}

/// Most words of a vector register that are shown before and after.
const BOTH: usize = 2;

/// A vector register by its 8-byte words, those that did not change as dots.
fn vector(f: &mut fmt::Formatter<'_>, register: Register, before: &Vector, after: &Vector) -> fmt::Result {
    let words = after.width_with(before) / 8;
    write_name(f, register, words * 8)?;
    let changed = |word: usize| before.lane::<u64>(word) != after.lane::<u64>(word);
    if (0..words).filter(|word| changed(*word)).count() <= BOTH {
        changed_words(f, before, words, changed)?;
        f.write_str(" ")?;
    }
    f.write_str("→ ")?;
    changed_words(f, after, words, changed)
}

fn changed_words(
    f: &mut fmt::Formatter<'_>,
    vector: &Vector,
    words: usize,
    changed: impl Fn(usize) -> bool,
) -> fmt::Result {
    for word in (0..words).rev() {
        let separator = if word > 0 { "_" } else { "" };
        match changed(word) {
            true => write!(f, "{:016x}{separator}", vector.lane::<u64>(word))?,
            false => write!(f, "·{separator}")?,
        }
    }
    Ok(())
}

/// The old value in hex only.
struct Plain(Value);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Word(word) => write!(f, "{word:x}"),
            other => write!(f, "{other}"),
        }
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, register: Register, bytes: usize) -> fmt::Result {
    let prefix = match bytes {
        16 => "xmm",
        32 => "ymm",
        _ => "zmm",
    };
    write!(f, "{prefix}{:<5}", register.vector_number().unwrap_or_default())
}

/// The flags by name, by ascending bit.
const FLAGS: [(u64, &str); 11] = [
    (rflags::CF, "CF"),
    (rflags::PF, "PF"),
    (rflags::AF, "AF"),
    (rflags::ZF, "ZF"),
    (rflags::SF, "SF"),
    (rflags::TF, "TF"),
    (rflags::DF, "DF"),
    (rflags::OF, "OF"),
    (super::NESTED_TASK, "NT"),
    (rflags::AC, "AC"),
    (rflags::ID, "ID"),
];

fn flags(f: &mut fmt::Formatter<'_>, set: u64, lead: &str) -> fmt::Result {
    let named = FLAGS.iter().filter(|(bit, _)| set & bit != 0);
    named.into_iter().try_for_each(|(_, name)| write!(f, "{lead}{name}"))
}

/// The general registers and rip, then what is not as after a reset.
pub(super) fn all(registers: &Registers, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let gprs = registers.gpr.words();
    for (row, words) in gprs[..16].chunks(4).enumerate() {
        for (column, word) in words.iter().enumerate() {
            let register = Register::gpr((row * 4 + column) as u8);
            let separator = if column < 3 { "  " } else { "\n" };
            register.map_or(Ok(()), |name| write!(f, "{name:<3} {word:016x}{separator}"))?;
        }
    }
    write!(f, "rip {:016x}  rflags", registers.gpr.rip)?;
    flags(f, registers.gpr.rflags, " ")?;
    writeln!(f)?;
    let reset = Registers { gpr: registers.gpr, ..Registers::new(registers.valid) };
    registers.changes(&reset).iter().try_for_each(|change| line(f, change.register, change.after))
}

/// A register that is not as after a reset.
fn line(f: &mut fmt::Formatter<'_>, register: Register, value: Value) -> fmt::Result {
    match value {
        Value::Vector(vector) => {
            let bytes = vector.width_with(&Vector::default());
            write_name(f, register, bytes)?;
            writeln!(f, "{vector:.bytes$}")
        }
        value => writeln!(f, "{:<7} {value}", register),
    }
}
