//! Reads a function's map in place.

use crate::canonical::Phase;
use crate::compact::error::{MapError, offset};
use crate::compact::header::{Parsed, SITES_PER_KEY};
use crate::compact::ops::{self, Locals};
use crate::compact::site::{Site, SiteState};
use crate::limits;
use crate::value::ValType;
use crate::varint::{Broken, Cursor};

/// The map of one function, read in place from bytes that anybody may have written: every look-up is
/// total. Parsing costs as much as a look-up; who walks deep stacks keeps maps or sites at hand.
#[derive(Clone, Debug)]
pub struct CompactMap<'a> {
    parsed: Parsed<'a>,
}

impl<'a> CompactMap<'a> {
    /// Reads the header of the map that `bytes` are.
    ///
    /// # Errors
    /// [`MapError`]; records are only looked at when they are asked for ([`validate`](Self::validate)
    /// asks for all).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MapError> {
        let (parsed, end) = Parsed::read(bytes)?;
        if end < bytes.len() {
            return Err(MapError::TrailingBytes { offset: offset(end) });
        }
        Ok(Self { parsed })
    }

    /// What the compiler said at [`finish`](super::CompactMapBuilder::finish).
    #[must_use]
    pub fn frame_bytes(&self) -> u32 {
        self.parsed.header.frame_bytes
    }

    /// How many locals are parameters.
    #[must_use]
    pub fn parameters(&self) -> u32 {
        self.parsed.header.parameters
    }

    /// How many locals there are, parameters included.
    #[must_use]
    pub fn locals(&self) -> u32 {
        self.types().count()
    }

    /// A local's type.
    #[must_use]
    pub fn local_type(&self, local: u32) -> Option<ValType> {
        self.types().ty(local)
    }

    /// Locals as (count, type), parameters first.
    pub fn local_groups(&self) -> impl Iterator<Item = (u32, ValType)> {
        let mut start = 0;
        self.parsed.groups.iter().map(move |&(end, ty)| (end - core::mem::replace(&mut start, end), ty))
    }

    /// How many sites there are.
    #[must_use]
    pub fn site_count(&self) -> u32 {
        self.parsed.header.sites
    }

    /// The first site at exactly this offset in the function's code, its own or
    /// [cold](super::CompactMapBuilder::cold_code); `state` is what it says, or undefined when there is none.
    ///
    /// # Errors
    /// [`MapError`]: the bytes on the way to it are no map.
    pub fn find_code(&self, code_offset: u32, state: &mut SiteState) -> Result<Option<Site>, MapError> {
        if let Some(site) = self.cold_site(code_offset) {
            return self.site(site, state);
        }
        self.find(0, code_offset, state, |site| site.code_offset == code_offset)
    }

    /// The first site at this wasm offset and phase.
    ///
    /// # Errors
    /// [`MapError`]: the bytes on the way to it are no map.
    pub fn find_wasm(
        &self,
        wasm_offset: u32,
        phase: Phase,
        state: &mut SiteState,
    ) -> Result<Option<Site>, MapError> {
        self.find(1, wasm_offset, state, |site| (site.wasm_offset, site.phase) == (wasm_offset, phase))
    }

    /// A site by its number.
    ///
    /// # Errors
    /// [`MapError`]: the bytes on the way to it are no map.
    pub fn site(&self, index: u32, state: &mut SiteState) -> Result<Option<Site>, MapError> {
        let mut sites = self.sites_from(index / SITES_PER_KEY);
        while let Some(site) = sites.advance(state)? {
            if site.index == index {
                return Ok(Some(site));
            }
        }
        Ok(None)
    }

    /// Where a frame enters the code to continue at `site`.
    #[must_use]
    pub fn resume_offset(&self, site: &Site) -> u32 {
        self.pair(2, site.index).unwrap_or(site.code_offset)
    }

    /// All sites, in order.
    #[must_use]
    pub fn sites(&self) -> Sites<'_, 'a> {
        self.sites_from(0)
    }

    /// Reads every record.
    ///
    /// # Errors
    /// The first [`MapError`] there is.
    pub fn validate(&self) -> Result<(), MapError> {
        let mut state = SiteState::default();
        let mut sites = self.sites();
        while sites.advance(&mut state)?.is_some() {}
        let end = sites.cursor.position();
        if end < self.parsed.upto_stream.len() {
            return Err(MapError::TrailingBytes { offset: offset(end) });
        }
        (1..3).try_for_each(|table| self.validate_pairs(table))
    }

    fn validate_pairs(&self, table: usize) -> Result<(), MapError> {
        let mut last = None;
        for row in 0..self.parsed.header.tables[table] {
            let [key, value] = [0, 1].map(|column| self.cell(table, row, column));
            let site = if table == 1 { value } else { key };
            if last.is_some_and(|last| last > key) || site >= self.site_count() {
                return Err(MapError::Order { offset: offset(self.parsed.stream_start) });
            }
            last = Some(key);
        }
        Ok(())
    }

    fn types(&self) -> Locals<'_> {
        Locals { groups: &self.parsed.groups }
    }

    fn sites_from(&self, key: u32) -> Sites<'_, 'a> {
        let index = key * SITES_PER_KEY;
        Sites { map: self, index, last: [0; 2], cursor: self.stream(0) }
    }

    /// At a position in the stream.
    fn stream(&self, position: u32) -> Cursor<'a> {
        let start = self.parsed.stream_start.saturating_add(position as usize);
        Cursor::new(self.parsed.upto_stream, start)
    }

    fn cold_site(&self, code_offset: u32) -> Option<u32> {
        self.pair(1, code_offset)
    }

    /// Column 0 of the key index is code, 1 wasm. Sites with equal offsets may lie across keys, so the
    /// search starts at the last key that is lower.
    fn find(
        &self,
        column: usize,
        offset: u32,
        state: &mut SiteState,
        wanted: impl Fn(&Site) -> bool,
    ) -> Result<Option<Site>, MapError> {
        let value = |site: &Site| if column == 0 { site.code_offset } else { site.wasm_offset };
        let mut sites = self.sites_from(self.last_key_below(column, offset));
        while let Some(site) = sites.advance(state)? {
            if wanted(&site) {
                return Ok(Some(site));
            }
            if value(&site) > offset {
                break;
            }
        }
        Ok(None)
    }

    fn last_key_below(&self, column: usize, offset: u32) -> u32 {
        let keys = self.parsed.header.tables[0];
        partition_point(keys, |key| self.key(key, column) < offset).saturating_sub(1)
    }

    /// A number of the key index.
    fn key(&self, key: u32, column: usize) -> u32 {
        let Parsed { width, tables, .. } = &self.parsed;
        width.get(tables[0], key as usize * 3 + column)
    }

    /// A number of another table.
    fn cell(&self, table: usize, row: u32, column: usize) -> u32 {
        let Parsed { width, tables, .. } = &self.parsed;
        width.get(tables[table], row as usize * 2 + column)
    }

    /// The second number of the first row whose first is `wanted`.
    fn pair(&self, table: usize, wanted: u32) -> Option<u32> {
        let rows = self.parsed.header.tables[table];
        let row = partition_point(rows, |row| self.cell(table, row, 0) < wanted);
        let found = row < rows && self.cell(table, row, 0) == wanted;
        found.then(|| self.cell(table, row, 1))
    }
}

/// The first of `0..count` that is not below.
fn partition_point(count: u32, below: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Goes through a function's sites.
#[derive(Clone, Debug)]
pub struct Sites<'m, 'a> {
    map: &'m CompactMap<'a>,
    /// Of the next site.
    index: u32,
    last: [u32; 2],
    cursor: Cursor<'a>,
}

impl Sites<'_, '_> {
    /// The next site; `state` becomes what it says. Give the same state each time: records are
    /// differences.
    ///
    /// # Errors
    /// [`MapError`]: the record is none.
    pub fn advance(&mut self, state: &mut SiteState) -> Result<Option<Site>, MapError> {
        if self.index >= self.map.site_count() {
            return Ok(None);
        }
        if self.index.is_multiple_of(SITES_PER_KEY) {
            self.start_at_key(state)?;
        }
        self.record(state).map(Some)
    }

    fn start_at_key(&mut self, state: &mut SiteState) -> Result<(), MapError> {
        let key = self.index / SITES_PER_KEY;
        let [code, wasm, position] = [0, 1, 2].map(|column| self.map.key(key, column));
        let before = self.cursor.position();
        self.cursor = self.map.stream(position);
        let first = self.last == [0; 2] || before == self.map.parsed.stream_start;
        let reached = first || before == self.cursor.position();
        if code < self.last[0] || wasm < self.last[1] || !reached {
            return Err(MapError::Order { offset: offset(before) });
        }
        self.last = [code, wasm];
        state.clear();
        Ok(())
    }

    /// [phase:2 steps:3 wasm:3] code, steps - 7, wasm - 7, steps
    fn record(&mut self, state: &mut SiteState) -> Result<Site, MapError> {
        let start = self.cursor.position();
        let (phase, steps, deltas) = self.head().map_err(|broken| MapError::broken(broken, start))?;
        for (last, delta) in self.last.iter_mut().zip(deltas) {
            *last = last.checked_add(delta).ok_or(MapError::Number { offset: offset(start) })?;
        }
        state.note = 0;
        for _ in 0..steps {
            ops::apply(&mut self.cursor, &self.map.types(), state)?;
        }
        check_height(state, start)?;
        let [code_offset, wasm_offset] = self.last;
        let index = self.index;
        self.index += 1;
        Ok(Site { index, code_offset, wasm_offset, phase, note: state.note })
    }

    /// Phase, number of steps, deltas of code and wasm offset.
    fn head(&mut self) -> Result<(Phase, u32, [u32; 2]), Broken> {
        let head = self.cursor.byte()?;
        let phase = Phase::from_byte(head & 3).ok_or(Broken::Number)?;
        let code = self.cursor.u32()?;
        let mut fields = [head >> 2 & 7, head >> 5].map(u32::from);
        for field in fields.iter_mut().filter(|field| **field == 7) {
            *field = self.cursor.u32()?.saturating_add(7);
        }
        let [steps, wasm] = fields;
        Ok((phase, steps, [code, wasm]))
    }
}

fn check_height(state: &SiteState, at: usize) -> Result<(), MapError> {
    let count = state.operands.len() as u64;
    if count > u64::from(limits::OPERANDS) {
        return Err(MapError::TooMany { offset: offset(at), count });
    }
    Ok(())
}
