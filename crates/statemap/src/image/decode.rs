//! From the bytes of sections to a state. Every number is checked before anything is made of it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::canonical::{Activation, Frame, Global, HostCall, HostState, Mutability, Phase, State, Table};
use crate::image::error::{ImageError, Problem, Section};
use crate::image::pages::{PageRange, PageRun};
use crate::limits;
use crate::memory::{IndexType, Memory, PAGE_BYTES};
use crate::value::{ValType, Value};
use crate::varint::{Broken, Cursor};

/// Reads a section, which starts at `start` of the file.
pub(super) fn section(
    section: Section,
    start: usize,
    bytes: &[u8],
    state: &mut State,
    runs: &mut Vec<Vec<PageRun>>,
) -> Result<(), ImageError> {
    let mut input = Input { cursor: Cursor::new(bytes, 0), left: bytes.len() };
    let result = read(section, &mut input, state, runs).and_then(|()| input.end());
    result.map_err(|problem| {
        let offset = (start + input.cursor.position()) as u64;
        ImageError::Malformed { section, offset, problem }
    })
}

fn read(
    section: Section,
    input: &mut Input<'_>,
    state: &mut State,
    runs: &mut Vec<Vec<PageRun>>,
) -> Result<(), Problem> {
    match section {
        Section::Frames => state.activations = activations(input)?,
        Section::Globals => state.globals = input.many(limits::ITEMS, global)?,
        Section::Tables => state.tables = input.many(limits::ITEMS, table)?,
        Section::Memories => {
            let memories = input.many(limits::ITEMS, memory)?;
            (state.memories, *runs) = memories.into_iter().unzip();
            let numbered = (0..).zip(runs.iter_mut());
            numbered.for_each(|(index, runs)| runs.iter_mut().for_each(|run| run.memory = index));
        }
        Section::Segments => {
            state.dropped_data = input.many(limits::ITEMS, Input::u32)?;
            state.dropped_elements = input.many(limits::ITEMS, Input::u32)?;
        }
        Section::Host => state.host = input.many(limits::ITEMS, host)?,
    }
    Ok(())
}

type Read<T> = Result<T, Problem>;

/// Room is made for so many things at once, whatever their count says: they are larger than their bytes.
const RESERVED: usize = 1024;

/// A section being read.
struct Input<'a> {
    cursor: Cursor<'a>,
    /// Bytes of the section.
    left: usize,
}

impl From<Broken> for Problem {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Short => Self::Short,
            Broken::Number => Self::Number,
        }
    }
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Read<u8> {
        Ok(self.cursor.byte()?)
    }

    fn u32(&mut self) -> Read<u32> {
        Ok(self.cursor.u32()?)
    }

    /// A flag: 0 or 1.
    fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Problem::UnknownByte),
        }
    }

    fn option(&mut self) -> Read<Option<u64>> {
        Ok(if self.flag()? { Some(self.cursor.u64()?) } else { None })
    }

    /// A count: at most `limit`, and no more than there are bytes for.
    fn count(&mut self, limit: u32) -> Read<usize> {
        let count = self.u32()?;
        let room = self.left - self.cursor.position();
        if count > limit || count as usize > room {
            return Err(Problem::TooMany);
        }
        Ok(count as usize)
    }

    fn many<T>(&mut self, limit: u32, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.count(limit)?;
        let mut items = Vec::with_capacity(count.min(RESERVED));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn bytes(&mut self) -> Read<&'a [u8]> {
        let count = self.count(u32::MAX)?;
        Ok(self.cursor.take(count)?)
    }

    fn ty(&mut self) -> Read<ValType> {
        ValType::from_byte(self.byte()?).ok_or(Problem::UnknownByte)
    }

    fn value(&mut self) -> Read<Value> {
        let ty = self.ty()?;
        let bits = match ty.bytes() {
            4 => u32::from_le_bytes(self.array()?).into(),
            8 => u64::from_le_bytes(self.array()?).into(),
            _ => u128::from_le_bytes(self.array()?),
        };
        Value::from_bits(ty, bits).ok_or(Problem::Reference)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.cursor.take(N)?);
        Ok(array)
    }

    fn end(&self) -> Read<()> {
        if self.cursor.position() == self.left { Ok(()) } else { Err(Problem::TrailingBytes) }
    }
}

fn activations(input: &mut Input<'_>) -> Read<Vec<Activation>> {
    let mut frames = 0;
    let activations = input.many(limits::ITEMS, |input| {
        let activation = activation(input)?;
        frames += activation.frames.len();
        if frames > limits::FRAMES as usize { Err(Problem::TooMany) } else { Ok(activation) }
    })?;
    Ok(activations)
}

fn activation(input: &mut Input<'_>) -> Read<Activation> {
    let frames = input.many(limits::FRAMES, frame)?;
    let host_call = if input.flag()? { Some(host_call(input)?) } else { None };
    Ok(Activation { frames, host_call })
}

fn frame(input: &mut Input<'_>) -> Read<Frame> {
    let (function, wasm_offset) = (input.u32()?, input.u32()?);
    let phase = Phase::from_byte(input.byte()?).ok_or(Problem::UnknownByte)?;
    let locals = input.many(limits::LOCALS, Input::value)?;
    let operands = input.many(limits::OPERANDS, Input::value)?;
    Ok(Frame { function, wasm_offset, phase, locals, operands })
}

fn host_call(input: &mut Input<'_>) -> Read<HostCall> {
    let function = input.u32()?;
    let arguments = input.many(limits::LOCALS, Input::value)?;
    Ok(HostCall { function, arguments, progress: input.bytes()?.to_vec() })
}

fn global(input: &mut Input<'_>) -> Read<Global> {
    let mutability = if input.flag()? { Mutability::Var } else { Mutability::Const };
    Ok(Global { value: input.value()?, mutability })
}

fn table(input: &mut Input<'_>) -> Read<Table> {
    let ty = input.ty()?;
    let maximum = input.option()?.map(u32::try_from).transpose().map_err(|_| Problem::Number)?;
    let elements = input.many(limits::TABLE_ELEMENTS, |input| {
        Value::from_bits(ty, u128::from(input.cursor.u64()?)).ok_or(Problem::Reference)
    })?;
    Ok(Table { ty, maximum, elements })
}

fn memory(input: &mut Input<'_>) -> Read<(Memory, Vec<PageRun>)> {
    let index_type = if input.flag()? { IndexType::I64 } else { IndexType::I32 };
    let maximum = input.option()?;
    let wasm_pages = input.cursor.u64()?;
    let mut memory = Memory::new(wasm_pages);
    (memory.index_type, memory.maximum) = (index_type, maximum);
    let pages = memory.size() / PAGE_BYTES as u64;
    let mut end = 0;
    let runs = input.many(u32::MAX, |input| {
        let run = run(input, end)?;
        end = run.range.end();
        if end > pages { Err(Problem::OutOfBounds) } else { Ok(run) }
    })?;
    Ok((memory, runs))
}

/// File offset and memory index come later.
fn run(input: &mut Input<'_>, end: u64) -> Read<PageRun> {
    let first = end.checked_add(input.cursor.u64()?).ok_or(Problem::Number)?;
    let pages = input.u32()?;
    if !(1..=PageRange::MAX_PAGES).contains(&pages) {
        return Err(Problem::TooMany);
    }
    let checksum = u64::from_le_bytes(input.array()?);
    Ok(PageRun { range: PageRange { first, pages }, file_offset: 0, checksum, memory: 0 })
}

fn host(input: &mut Input<'_>) -> Read<HostState> {
    let name = core::str::from_utf8(input.bytes()?).map_err(|_| Problem::Name)?;
    Ok(HostState { name: String::from(name), bytes: input.bytes()?.to_vec() })
}
