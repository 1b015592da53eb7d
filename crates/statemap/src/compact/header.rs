//! What stands before a function's records.

use alloc::vec::Vec;

use crate::compact::error::{MapError, offset};
use crate::limits;
use crate::value::ValType;
use crate::varint::{self, Cursor};

/// Sites from one that starts from "all at home" to the next.
pub(super) const SITES_PER_KEY: u32 = 16;

/// Code offset, wasm offset and position in the stream of every sixteenth site.
pub(super) type Triple = [u32; 3];

/// Numbers of a function's map, in the order they are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) frame_bytes: u32,
    pub(super) parameters: u32,
    pub(super) sites: u32,
    /// Bytes of all records.
    pub(super) stream: u32,
    /// Entries: index, cold code, resumes.
    pub(super) tables: [u32; 3],
}

/// Bytes of a table's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Width {
    Narrow = 2,
    Wide = 4,
}

impl Width {
    fn put(self, out: &mut Vec<u8>, number: u32) {
        out.extend_from_slice(&number.to_le_bytes()[..self as usize]);
    }

    /// The number at `index` of a table; its bytes were counted when the header was read.
    #[inline]
    pub(super) fn get(self, table: &[u8], index: usize) -> u32 {
        match self {
            Self::Narrow => u16::from_le_bytes([table[index * 2], table[index * 2 + 1]]).into(),
            Self::Wide => {
                let mut bytes = [0; 4];
                bytes.copy_from_slice(&table[index * 4..index * 4 + 4]);
                u32::from_le_bytes(bytes)
            }
        }
    }
}

impl Header {
    pub(super) fn put(
        &self,
        out: &mut Vec<u8>,
        groups: &[(u32, ValType)],
        index: &[Triple],
        pairs: [&[(u32, u32)]; 2],
    ) {
        let pairs_flat = || pairs.into_iter().flatten().flat_map(|pair| [pair.0, pair.1]);
        let numbers = || index.iter().flatten().copied().chain(pairs_flat());
        let wide = numbers().any(|number| number > u32::from(u16::MAX));
        let width = if wide { Width::Wide } else { Width::Narrow };
        out.push(u8::from(wide));
        let [_, cold, resumes] = self.tables;
        for number in [self.frame_bytes, self.parameters, self.sites, self.stream, cold, resumes] {
            varint::put(out, u64::from(number));
        }
        varint::put(out, groups.len() as u64);
        let mut start = 0;
        for (end, ty) in groups {
            varint::put(out, u64::from(end - start));
            out.push(ty.to_byte());
            start = *end;
        }
        numbers().for_each(|number| width.put(out, number));
    }
}

/// A header that was read, and where what follows it is.
#[derive(Clone, Debug)]
pub(super) struct Parsed<'a> {
    pub(super) header: Header,
    pub(super) width: Width,
    /// (first local behind the group, type).
    pub(super) groups: Vec<(u32, ValType)>,
    /// Index, cold code, resumes.
    pub(super) tables: [&'a [u8]; 3],
    /// The map up to the end of the stream.
    pub(super) upto_stream: &'a [u8],
    /// Where the stream starts in it.
    pub(super) stream_start: usize,
}

/// Reads numbers and keeps where they are for errors.
struct Fields<'a>(Cursor<'a>);

impl<'a> Fields<'a> {
    fn u32(&mut self) -> Result<u32, MapError> {
        self.0.u32().map_err(|broken| MapError::broken(broken, self.0.position()))
    }

    fn byte(&mut self) -> Result<u8, MapError> {
        self.0.byte().map_err(|broken| MapError::broken(broken, self.0.position()))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], MapError> {
        let at = self.0.position();
        let len = usize::try_from(len).map_err(|_| MapError::Truncated { offset: offset(at) })?;
        self.0.take(len).map_err(|broken| MapError::broken(broken, at))
    }

    fn unknown(&self, byte: u8) -> MapError {
        MapError::UnknownByte { offset: offset(self.0.position() - 1), byte }
    }

    fn width(&mut self) -> Result<Width, MapError> {
        match self.byte()? {
            0 => Ok(Width::Narrow),
            1 => Ok(Width::Wide),
            byte => Err(self.unknown(byte)),
        }
    }

    fn groups(&mut self) -> Result<Vec<(u32, ValType)>, MapError> {
        let count = self.u32()?;
        let mut groups = Vec::new();
        let mut end = 0_u64;
        for _ in 0..count {
            end += u64::from(self.u32()?);
            if end > u64::from(limits::LOCALS) {
                return Err(MapError::TooMany { offset: offset(self.0.position()), count: end });
            }
            let byte = self.byte()?;
            groups.push((end as u32, ValType::from_byte(byte).ok_or_else(|| self.unknown(byte))?));
        }
        Ok(groups)
    }
}

impl<'a> Parsed<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, usize), MapError> {
        let mut fields = Fields(Cursor::new(bytes, 0));
        let width = fields.width()?;
        let numbers =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let [frame_bytes, parameters, sites, stream, cold, resumes] = numbers;
        let keys = sites.div_ceil(SITES_PER_KEY);
        let header = Header { frame_bytes, parameters, sites, stream, tables: [keys, cold, resumes] };
        let groups = fields.groups()?;
        let locals = groups.last().map_or(0, |(end, _)| *end);
        if parameters > locals {
            return Err(MapError::TooMany { offset: 0, count: u64::from(parameters) });
        }
        let row = |columns: u64, rows: u32| columns * u64::from(rows) * width as u64;
        let tables = [fields.take(row(3, keys))?, fields.take(row(2, cold))?, fields.take(row(2, resumes))?];
        let stream_start = fields.0.position();
        fields.take(u64::from(stream))?;
        let end = fields.0.position();
        Ok((Self { header, width, groups, tables, upto_stream: &bytes[..end], stream_start }, end))
    }
}
