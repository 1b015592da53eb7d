//! The maps of a module's functions, by code offset and by function index.

use alloc::vec::Vec;

use crate::compact::build::CompactMapBuilder;
use crate::compact::error::{BuildError, MapError, offset};
use crate::compact::header::Width;
use crate::compact::read::CompactMap;

/// One function of a [`ModuleMap`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FunctionEntry {
    /// Its index in the module's function index space.
    pub function: u32,
    /// Where its code starts, from the start of the module's code.
    pub code_start: u32,
    /// Where its code ends, exclusive.
    pub code_end: u32,
    /// Where its body starts in the module; wasm offsets are from there.
    pub body_offset: u32,
}

/// Columns of the function table: the entry's four, then the map's start and end.
const COLUMNS: usize = 6;

/// Collects the maps of a module's functions, in the order of their code.
///
/// ```
/// use midstride_statemap::{CompactMapBuilder, FunctionEntry, ModuleMap, ModuleMapBuilder};
///
/// let mut function = CompactMapBuilder::new();
/// function.start(0, &[]);
/// let mut module = ModuleMapBuilder::new();
/// let entry = FunctionEntry { function: 3, code_start: 0x40, code_end: 0x80, body_offset: 0x123 };
/// module.push(entry, &mut function, 0x20)?;
/// let bytes = module.finish();
///
/// let map = ModuleMap::parse(&bytes)?;
/// let (found, map_of_3) = map.at_code(0x7f)?.expect("inside");
/// assert_eq!((found, map_of_3.frame_bytes()), (entry, 0x20));
/// assert!(map.at_code(0x80)?.is_none());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModuleMapBuilder {
    /// Map starts and ends count from the first map.
    rows: Vec<[u32; COLUMNS]>,
    /// Room for the table of functions, then the maps.
    bytes: Vec<u8>,
    room: usize,
}

/// Bytes of the table of this many functions.
const fn table_bytes(functions: usize) -> usize {
    4 + (COLUMNS + 1) * 4 * functions
}

impl ModuleMapBuilder {
    /// No functions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No functions yet, and room for the table of so many and for so many bytes of maps: where both are
    /// enough, no map is ever moved.
    #[must_use]
    pub fn with_room(functions: usize, map_bytes: usize) -> Self {
        let room = table_bytes(functions);
        let mut bytes = Vec::with_capacity(room + map_bytes);
        bytes.resize(room, 0);
        Self { rows: Vec::with_capacity(functions), bytes, room }
    }

    /// Finishes `map` as the map of the next function.
    ///
    /// # Errors
    /// [`BuildError::FunctionOrder`]: it starts before the end of the function before it, or behind its
    /// own end; nothing is changed.
    pub fn push(
        &mut self,
        entry: FunctionEntry,
        map: &mut CompactMapBuilder,
        frame_bytes: u32,
    ) -> Result<(), BuildError> {
        let FunctionEntry { function, code_start, code_end, body_offset } = entry;
        let low = self.rows.last().is_some_and(|row| code_start < row[2]);
        if low || code_start > code_end {
            return Err(BuildError::FunctionOrder { code_start });
        }
        let start = self.map_bytes() as u32;
        map.finish(frame_bytes, &mut self.bytes);
        self.rows.push([function, code_start, code_end, body_offset, start, self.map_bytes() as u32]);
        Ok(())
    }

    /// Bytes of maps so far, without the table of functions.
    #[must_use]
    pub fn map_bytes(&self) -> usize {
        self.bytes.len() - self.room
    }

    /// The module's map: number of functions, table by code, rows of that table by function index, maps.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let Self { rows, mut bytes, room } = self;
        let mut by_function: Vec<u32> = (0..rows.len() as u32).collect();
        by_function.sort_by_key(|row| rows[*row as usize][0]);
        let mut table = Vec::with_capacity(table_bytes(rows.len()));
        table.extend_from_slice(&(rows.len() as u32).to_le_bytes());
        let numbers = rows.iter().flatten().chain(&by_function);
        numbers.for_each(|number| table.extend_from_slice(&number.to_le_bytes()));
        bytes.splice(..room, table);
        bytes
    }
}

/// The maps of a module, read in place.
#[derive(Clone, Copy, Debug)]
pub struct ModuleMap<'a> {
    rows: &'a [u8],
    by_function: &'a [u8],
    maps: &'a [u8],
}

impl<'a> ModuleMap<'a> {
    /// Reads the table of functions.
    ///
    /// # Errors
    /// [`MapError`]; the functions' maps are looked at when they are asked for.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MapError> {
        let map = Self::parse_again(bytes)?;
        map.check_order()?;
        Ok(map)
    }

    /// As [`parse`](Self::parse), of bytes for which that has succeeded, or would: their order is not looked
    /// at, which takes as long as there are functions. Of other bytes, answers mean nothing.
    ///
    /// # Errors
    /// [`MapError::Truncated`].
    pub fn parse_again(bytes: &'a [u8]) -> Result<Self, MapError> {
        let truncated = MapError::Truncated { offset: offset(bytes.len()) };
        let (count, rest) = bytes.split_first_chunk().ok_or(truncated)?;
        let count = u32::from_le_bytes(*count) as usize;
        let table = |columns: usize| count.checked_mul(columns * 4).ok_or(truncated);
        let (rows, rest) = rest.split_at_checked(table(COLUMNS)?).ok_or(truncated)?;
        let (by_function, maps) = rest.split_at_checked(table(1)?).ok_or(truncated)?;
        Ok(Self { rows, by_function, maps })
    }

    /// How many functions there are.
    #[must_use]
    pub fn functions(&self) -> usize {
        self.by_function.len() / 4
    }

    /// The function whose code the offset (from the start of the module's code) lies in.
    ///
    /// # Errors
    /// [`MapError`]: its map is none.
    pub fn at_code(&self, code_offset: u32) -> Result<Option<(FunctionEntry, CompactMap<'a>)>, MapError> {
        let row = self.partition_point(|map, at| map.row(at)[1] <= code_offset);
        match row.checked_sub(1).filter(|row| code_offset < self.row(*row)[2]) {
            Some(row) => self.open(row).map(Some),
            None => Ok(None),
        }
    }

    /// The function with this index.
    ///
    /// # Errors
    /// [`MapError`]: its map is none.
    pub fn function(&self, function: u32) -> Result<Option<(FunctionEntry, CompactMap<'a>)>, MapError> {
        let at = self.partition_point(|map, at| map.row(map.nth(at))[0] < function);
        let row = (at < self.functions()).then(|| self.nth(at));
        match row.filter(|row| self.row(*row)[0] == function) {
            Some(row) => self.open(row).map(Some),
            None => Ok(None),
        }
    }

    /// Reads every record of every function.
    ///
    /// # Errors
    /// The first [`MapError`]; its offsets are from the start of the function's map.
    pub fn validate(&self) -> Result<(), MapError> {
        (0..self.functions()).try_for_each(|row| self.open(row)?.1.validate())
    }

    fn open(&self, row: usize) -> Result<(FunctionEntry, CompactMap<'a>), MapError> {
        let [function, code_start, code_end, body_offset, start, end] = self.row(row);
        let bytes = self.maps.get(start as usize..end as usize).ok_or(MapError::Truncated { offset: end })?;
        let entry = FunctionEntry { function, code_start, code_end, body_offset };
        Ok((entry, CompactMap::parse(bytes)?))
    }

    fn row(&self, row: usize) -> [u32; COLUMNS] {
        core::array::from_fn(|column| Width::Wide.get(self.rows, row * COLUMNS + column))
    }

    /// The row of the function that is the n-th by index.
    fn nth(&self, n: usize) -> usize {
        Width::Wide.get(self.by_function, n) as usize
    }

    fn check_order(&self) -> Result<(), MapError> {
        let (mut end, mut function) = (0, None);
        for at in 0..self.functions() {
            let [_, code_start, code_end, ..] = self.row(at);
            let nth = self.nth(at);
            let index = (nth < self.functions()).then(|| self.row(nth)[0]);
            if code_start < end || code_end < code_start || index <= function {
                return Err(MapError::Order { offset: offset(4 + at * COLUMNS * 4) });
            }
            (end, function) = (code_end, index);
        }
        Ok(())
    }

    fn partition_point(&self, below: impl Fn(&Self, usize) -> bool) -> usize {
        let (mut low, mut high) = (0, self.functions());
        while low < high {
            let middle = usize::midpoint(low, high);
            if below(self, middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_map_is_the_same_whatever_room_its_table_was_given() {
        let map_of_two = |mut module: ModuleMapBuilder| {
            let mut function = CompactMapBuilder::new();
            for (function_index, code_start) in [(7, 0x10), (4, 0x40)] {
                function.start(0, &[]);
                let entry = FunctionEntry {
                    function: function_index,
                    code_start,
                    code_end: code_start + 8,
                    body_offset: 0,
                };
                module.push(entry, &mut function, 16).unwrap();
            }
            module.finish()
        };
        let expected = map_of_two(ModuleMapBuilder::new());
        assert_eq!(ModuleMap::parse(&expected).unwrap().functions(), 2);
        for count in [1, 2, 5] {
            assert_eq!(map_of_two(ModuleMapBuilder::with_room(count, 9)), expected);
        }
    }
}
