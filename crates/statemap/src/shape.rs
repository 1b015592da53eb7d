//! Whether a state is one of this module's: types come from the module, never from the image.

use alloc::vec::Vec;
use core::fmt;

use crate::canonical::{Frame, Mutability, Phase, State};
use crate::compact::{CompactMap, MapError, ModuleMap, SiteState, Slot};
use crate::value::{ValType, Value};

/// What a module says about the states of its instances. Index spaces are whole, imports included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    /// Functions, imported ones included.
    pub functions: u32,
    /// Functions that are imported.
    pub imported_functions: u32,
    /// Types of globals.
    pub globals: &'a [(ValType, Mutability)],
    /// Types of tables' elements.
    pub tables: &'a [ValType],
    /// How many memories there are.
    pub memories: u32,
    /// How many data segments there are.
    pub data_segments: u32,
    /// How many element segments there are.
    pub element_segments: u32,
}

/// A state that is not one of the module's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ShapeError {
    /// A part has more or fewer things than the module.
    Count {
        /// `globals`, `tables` or `memories`.
        what: &'static str,
        /// In the module.
        expected: u32,
        /// In the state.
        found: u64,
    },
    /// A global has another type, or can be set when it should not or the other way round.
    Global {
        /// Which.
        global: u32,
    },
    /// A table has another type.
    Table {
        /// Which.
        table: u32,
    },
    /// A dropped segment that the module does not have.
    Segment {
        /// Which.
        segment: u32,
    },
    /// A reference to a function, or a call of one, that the module does not have.
    Function {
        /// Which.
        function: u32,
    },
    /// A frame of a function without code, or where the code has no site.
    NoSuchSite {
        /// Its function.
        function: u32,
        /// Its offset.
        wasm_offset: u32,
        /// Its phase.
        phase: Phase,
    },
    /// A frame has more or fewer locals or operands than the site.
    FrameSize {
        /// Its function.
        function: u32,
        /// The first local or operand that is missing or too many.
        slot: Slot,
    },
    /// A local or operand has another type.
    FrameType {
        /// Its function.
        function: u32,
        /// Which.
        slot: Slot,
        /// What the module says.
        expected: ValType,
        /// What the state says.
        found: ValType,
    },
    /// The map is broken.
    Map(MapError),
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { what, expected, found } => {
                write!(f, "the module has {expected} {what}, the state {found}")
            }
            Self::Global { global } => write!(f, "global {global} has another type in the module"),
            Self::Table { table } => write!(f, "table {table} has another type in the module"),
            Self::Segment { segment } => write!(f, "the module has no segment {segment}"),
            Self::Function { function } => write!(f, "the module has no such function as {function}"),
            Self::NoSuchSite { function, wasm_offset, phase } => {
                write!(f, "function {function} has no {} site at {wasm_offset:#x}", phase.name())
            }
            Self::FrameSize { function, slot } => {
                write!(f, "a frame of function {function} has {slot} missing or too much")
            }
            Self::FrameType { function, slot, expected, found } => {
                write!(f, "{slot} of a frame of function {function} is {found} and should be {expected}")
            }
            Self::Map(_) => f.write_str("the module's map is broken"),
        }
    }
}

impl core::error::Error for ShapeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Map(error) => Some(error),
            _ => None,
        }
    }
}

impl From<MapError> for ShapeError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl State {
    /// Whether this is a state of the module: every count, every type, every frame at a site of its code. A
    /// state that passes can be continued; it need not make sense to the program.
    ///
    /// # Errors
    /// The first [`ShapeError`].
    pub fn check_against(&self, shape: &Shape<'_>, map: &ModuleMap<'_>) -> Result<(), ShapeError> {
        let counts = [
            ("globals", shape.globals.len() as u32, self.globals.len()),
            ("tables", shape.tables.len() as u32, self.tables.len()),
            ("memories", shape.memories, self.memories.len()),
        ];
        for (what, expected, found) in counts {
            if expected as usize != found {
                return Err(ShapeError::Count { what, expected, found: found as u64 });
            }
        }
        check_segments(&self.dropped_data, shape.data_segments)?;
        check_segments(&self.dropped_elements, shape.element_segments)?;
        for (index, (global, ty)) in (0..).zip(self.globals.iter().zip(shape.globals)) {
            if (global.value.ty(), global.mutability) != *ty {
                return Err(ShapeError::Global { global: index });
            }
        }
        if let Some(table) = self.tables.iter().zip(shape.tables).position(|(table, ty)| table.ty != *ty) {
            return Err(ShapeError::Table { table: table as u32 });
        }
        self.check_references(shape)?;
        let mut frames = Frames { map, function: None, state: SiteState::default() };
        self.frames().try_for_each(|frame| frames.check(frame))
    }

    fn check_references(&self, shape: &Shape<'_>) -> Result<(), ShapeError> {
        let globals = self.globals.iter().map(|global| &global.value);
        let tables = self.tables.iter().flat_map(|table| &table.elements);
        let frames = self.frames().flat_map(|frame| frame.locals.iter().chain(&frame.operands));
        let calls = self.activations.iter().filter_map(|activation| activation.host_call.as_ref());
        let arguments = calls.clone().flat_map(|call| &call.arguments);
        for value in globals.chain(tables).chain(frames).chain(arguments) {
            if let Value::FuncRef(Some(function)) = *value {
                known(function, shape.functions)?;
            }
        }
        calls.into_iter().try_for_each(|call| known(call.function, shape.imported_functions))
    }
}

fn known(function: u32, functions: u32) -> Result<(), ShapeError> {
    if function < functions { Ok(()) } else { Err(ShapeError::Function { function }) }
}

fn check_segments(dropped: &[u32], segments: u32) -> Result<(), ShapeError> {
    match dropped.iter().find(|segment| **segment >= segments) {
        Some(segment) => Err(ShapeError::Segment { segment: *segment }),
        None => Ok(()),
    }
}

/// Checks frames; neighbours are often of the same function.
struct Frames<'m, 'a> {
    map: &'m ModuleMap<'a>,
    function: Option<(u32, CompactMap<'a>, Vec<ValType>)>,
    state: SiteState,
}

impl Frames<'_, '_> {
    fn check(&mut self, frame: &Frame) -> Result<(), ShapeError> {
        let &Frame { function, wasm_offset, phase, .. } = frame;
        let none = ShapeError::NoSuchSite { function, wasm_offset, phase };
        if self.function.as_ref().is_none_or(|known| known.0 != function) {
            let (_, map) = self.map.function(function)?.ok_or(none)?;
            let types =
                map.local_groups().flat_map(|(count, ty)| core::iter::repeat_n(ty, count as usize)).collect();
            self.function = Some((function, map, types));
        }
        let (_, map, types) = self.function.as_ref().ok_or(none)?;
        map.find_wasm(wasm_offset, phase, &mut self.state)?.ok_or(none)?;
        same(function, Slot::Local, types.iter().copied(), &frame.locals)?;
        let operands = self.state.operands().iter().map(|operand| operand.ty);
        same(function, Slot::Operand, operands, &frame.operands)
    }
}

fn same(
    function: u32,
    slot: fn(u32) -> Slot,
    types: impl ExactSizeIterator<Item = ValType>,
    values: &[Value],
) -> Result<(), ShapeError> {
    if types.len() != values.len() {
        return Err(ShapeError::FrameSize { function, slot: slot(types.len().min(values.len()) as u32) });
    }
    for (index, (expected, value)) in (0..).zip(types.zip(values)) {
        let found = value.ty();
        if expected != found {
            return Err(ShapeError::FrameType { function, slot: slot(index), expected, found });
        }
    }
    Ok(())
}
