//! Events as people read them.

use std::fmt::{self, Display, Write};

use anstyle::{AnsiColor, Style};
use iced_x86::{Formatter, Instruction, IntelFormatter};
use midstride_control::{Change, Registers, Value};
use midstride_frame::Register;

use crate::event::{Code, Event, Fault, Format, Number, Which, Why};

const NAME: Style = AnsiColor::Cyan.on_default();
const NEW: Style = AnsiColor::Green.on_default().bold();
const GONE: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();
const HERE: Style = AnsiColor::Yellow.on_default().bold();

/// An event as text with colours, which anstream takes out where they are not wanted; each line has its end.
///
/// ```
/// use midstride_lab::{Event, Text};
///
/// assert_eq!(Text(&Event::Text("hello".to_owned())).to_string(), "hello\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Text<'e>(pub &'e Event);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Code(code) => write_code(f, code),
            Event::Changed(change) => write_change(f, change),
            Event::Unchanged => writeln!(f, "{DIM}nothing changed{DIM:#}"),
            Event::At { why, code } => {
                let why = why_text(*why);
                if !why.is_empty() {
                    writeln!(f, "{HERE}{why}{HERE:#}")?;
                }
                write_code(f, &Code { here: true, ..code.clone() })
            }
            Event::Ended { how } if how == "end" => Ok(()),
            Event::Ended { how } => writeln!(f, "{HERE}{how}{HERE:#}"),
            Event::Fault(fault) => write_fault(f, fault),
            Event::Syscall { number, args } => write_syscall(f, *number, args),
            Event::Killed { how } => {
                writeln!(f, "{BAD}{how}{BAD:#}: registers and memory are as at the start")
            }
            Event::Memory { address, bytes, format } => write_memory(f, *address, bytes, *format),
            Event::Registers { registers, which } => write_registers(f, registers, *which),
            Event::Bench { min, median, samples, runs } => {
                let (min, median) = (Nanoseconds(*min), Nanoseconds(*median));
                writeln!(
                    f,
                    "min {NEW}{min}{NEW:#}  median {NEW}{median}{NEW:#}  ({samples} samples of {runs} runs)"
                )
            }
            Event::Backend(backend) => writeln!(f, "{}", backend.name()),
            Event::Breakpoint { code, condition } => write_breakpoint(f, code.as_ref(), condition.as_deref()),
            Event::Text(text) => writeln!(f, "{text}"),
        }
    }
}

fn why_text(why: Why) -> &'static str {
    match why {
        Why::Step | Why::Waiting | Why::Refused => "",
        Why::Breakpoint => "breakpoint",
        Why::Interrupted => "interrupted",
    }
}

/// Bytes of an encoding in one line, and of data.
const ENCODING_BYTES: usize = 16;

/// `10000000: b8 07 00 00 00           mov eax, 7`
fn write_code(f: &mut fmt::Formatter<'_>, code: &Code) -> fmt::Result {
    let arrow = if code.here { "→ " } else { "  " };
    let mut bytes = String::new();
    for byte in code.bytes.iter().take(ENCODING_BYTES) {
        write!(bytes, "{byte:02x} ")?;
    }
    if code.bytes.len() > ENCODING_BYTES {
        bytes += "… ";
    }
    let width = if bytes.len() <= 30 { 30 } else { 48 };
    write!(f, "{HERE}{arrow}{HERE:#}{DIM}{:08x}{DIM:#}  {bytes:<width$}{}", code.address, code.text)?;
    match &code.note {
        Some(note) => writeln!(f, "  {DIM}({}, {note}){DIM:#}", size(code.bytes.len())),
        None => writeln!(f, "  {DIM}({}){DIM:#}", size(code.bytes.len())),
    }
}

fn size(bytes: usize) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// The line of a change, its name and its parts in colours.
fn write_change(f: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
    let line = change.to_string();
    let (name, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
    write!(f, "  {NAME}{name}{NAME:#}")?;
    if change.register == Register::RFLAGS {
        for part in rest.split_inclusive(char::is_whitespace) {
            let style = match part.as_bytes().first() {
                Some(b'+') => NEW,
                Some(b'-') => GONE,
                _ => DIM,
            };
            write!(f, "{style}{part}{style:#}")?;
        }
        return writeln!(f);
    }
    match rest.split_once('→') {
        Some((before, after)) => writeln!(f, "{DIM}{before}→{DIM:#}{NEW}{after}{NEW:#}"),
        None => writeln!(f, "{rest}"),
    }
}

fn write_fault(f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
    let Fault { signal, code, address, insn, place, around } = fault;
    write!(f, "{BAD}{signal}{BAD:#} (code {code}), address {address:#x}, {place}")?;
    match insn {
        Some(insn) => writeln!(f, ": {}", insn.text)?,
        None => writeln!(f)?,
    }
    around.iter().try_for_each(|code| write_code(f, code))
}

fn write_syscall(f: &mut fmt::Formatter<'_>, number: u64, args: &[u64; 6]) -> fmt::Result {
    let args: Vec<String> = args.iter().map(|arg| format!("{arg:#x}")).collect();
    writeln!(f, "{DIM}system call {number} ({}){DIM:#}", args.join(", "))
}

fn write_breakpoint(f: &mut fmt::Formatter<'_>, code: Option<&Code>, condition: Option<&str>) -> fmt::Result {
    if let Some(condition) = condition {
        writeln!(f, "breakpoint if {condition}:")?;
    }
    match code {
        Some(code) => write_code(f, code),
        None => writeln!(f, "an instruction that is gone"),
    }
}

/// Bytes in a line of memory.
const ROW: usize = 16;

fn write_memory(f: &mut fmt::Formatter<'_>, address: u64, bytes: &[u8], format: Format) -> fmt::Result {
    let number = match format {
        Format::Bytes => return write_bytes(f, address, bytes),
        Format::Stack => return write_stack(f, address, bytes),
        Format::Numbers(number) => number,
    };
    let row = ROW.max(number.bytes());
    for (nth, row_bytes) in bytes.chunks(row).enumerate() {
        write!(f, "  {DIM}{:08x}{DIM:#} ", address.wrapping_add((nth * row) as u64))?;
        for value in row_bytes.chunks(number.bytes()) {
            write!(f, " {}", number.show(value))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn write_bytes(f: &mut fmt::Formatter<'_>, address: u64, bytes: &[u8]) -> fmt::Result {
    for (nth, row) in bytes.chunks(ROW).enumerate() {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable =
            |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let text: String = row.iter().map(printable).collect();
        let address = address.wrapping_add((nth * ROW) as u64);
        writeln!(f, "  {DIM}{address:08x}{DIM:#}  {:<48} {DIM}{text}{DIM:#}", hex.join(" "))?;
    }
    Ok(())
}

fn write_stack(f: &mut fmt::Formatter<'_>, address: u64, bytes: &[u8]) -> fmt::Result {
    for (nth, word) in bytes.chunks_exact(8).enumerate() {
        let value = Value::Word(word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        let address = address.wrapping_add((nth * 8) as u64);
        let offset = if nth == 0 { "rsp".to_owned() } else { format!("+{:x}", nth * 8) };
        writeln!(f, "  {DIM}{address:08x}{DIM:#}  {NAME}{offset:<5}{NAME:#} {value}")?;
    }
    Ok(())
}

fn write_registers(f: &mut fmt::Formatter<'_>, registers: &Registers, which: Which) -> fmt::Result {
    let is_shown = |register: &Register| match which {
        Which::Vector => register.vector_number().is_some() || register.mask_number().is_some(),
        Which::Fpu => register.x87_number().is_some() || [Register::FCW, Register::FSW].contains(register),
        Which::All => *register != Register::RFLAGS,
        Which::Usual | Which::One(_) => false,
    };
    match which {
        Which::Usual => write!(f, "{registers}"),
        Which::One(register) => write_one(f, registers, register),
        _ => (0..=u8::MAX)
            .filter_map(Register::from_byte)
            .filter(is_shown)
            .try_for_each(|register| write_value(f, registers, register)),
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, registers: &Registers, register: Register) -> fmt::Result {
    let Some(value) = registers.get(register) else { return Ok(()) };
    let width = if register.vector_number().is_some_and(|number| number >= 16) {
        64
    } else {
        registers.valid.vector_bytes()
    };
    match value {
        Value::Vector(vector) => writeln!(f, "  {NAME}{register:<7}{NAME:#} {vector:.width$}"),
        value => writeln!(f, "  {NAME}{register:<7}{NAME:#} {value}"),
    }
}

/// The ways to read one register.
const READINGS: [Number; 7] = [
    Number::Unsigned(1),
    Number::Unsigned(2),
    Number::Unsigned(4),
    Number::Unsigned(8),
    Number::Signed(4),
    Number::Float(4),
    Number::Float(8),
];

fn write_one(f: &mut fmt::Formatter<'_>, registers: &Registers, register: Register) -> fmt::Result {
    write_value(f, registers, register)?;
    let Some(Value::Vector(vector)) = registers.get(register) else { return Ok(()) };
    let used =
        vector.0.iter().rposition(|byte| *byte != 0).map_or(16, |last| (last + 1).next_multiple_of(16));
    for number in READINGS {
        let values: Vec<String> =
            vector.0[..used].chunks(number.bytes()).map(|value| number.show(value)).collect();
        writeln!(f, "  {DIM}{:<7}{DIM:#} {}", number.name(), values.join(" "))?;
    }
    Ok(())
}

/// A time with as many digits as mean something.
struct Nanoseconds(f64);

impl Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ns if ns < 100.0 => write!(f, "{ns:.2} ns"),
            ns if ns < 100_000.0 => write!(f, "{ns:.0} ns"),
            ns => write!(f, "{:.1} µs", ns / 1000.0),
        }
    }
}

/// An instruction in Intel syntax.
pub(crate) fn disassemble(insn: &Instruction) -> String {
    let mut printer = IntelFormatter::new();
    printer.options_mut().set_space_after_operand_separator(true);
    printer.options_mut().set_hex_prefix("0x");
    printer.options_mut().set_hex_suffix("");
    printer.options_mut().set_uppercase_hex(false);
    printer.options_mut().set_branch_leading_zeros(false);
    let mut text = String::new();
    printer.format(insn, &mut text);
    text
}
