//! Laying out a static-pie ELF file for a base address. The build script does it for the built-in runtime,
//! the library for an image named at run time.

use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, Pod};

type Header = FileHeader64<Endianness>;
type Segment = ProgramHeader64<Endianness>;

const PAGE: u64 = 4096;
/// The most an image may take; one that says more is damaged.
const LARGEST: u64 = 256 << 20;

/// Why bytes are not a usable runtime image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Not a readable ELF file.
    #[error("not a readable ELF file")]
    Elf(#[from] object::read::Error),
    /// Not a position-independent x86-64 executable.
    #[error("not a static-pie x86-64 executable (type {kind:#x}, machine {machine:#x})")]
    Kind {
        /// `e_type`.
        kind: u16,
        /// `e_machine`.
        machine: u16,
    },
    /// A segment, or a relocation, lies outside the image.
    #[error("{what} at {at:#x} lies outside the image of {span:#x} bytes")]
    Outside {
        /// What lies there.
        what: &'static str,
        /// Its address in the image.
        at: u64,
        /// Bytes of the image.
        span: u64,
    },
    /// A relocation other than `R_X86_64_RELATIVE`.
    #[error("relocation of type {kind:#x} at {at:#x}; only R_X86_64_RELATIVE is supported")]
    Relocation {
        /// Its type.
        kind: u32,
        /// The address it applies to.
        at: u64,
    },
}

/// What pages of an image may be used for, other than reading and writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Read,
    ReadExecute,
}

/// Whole pages of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// Bytes from the start of the image.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) len: u64,
    pub(crate) access: Access,
}

/// An image as it lies in memory at address 0.
pub(crate) struct LaidOut {
    /// Its file-backed bytes, whole pages; everything behind them, to `span`, is zero.
    pub(crate) bytes: Vec<u8>,
    /// Bytes it takes in memory, whole pages.
    pub(crate) span: u64,
    /// Its entry point, from its start.
    pub(crate) entry: u64,
    /// Where the words lie that the base is added to.
    pub(crate) relocations: Vec<u32>,
    /// What differs from read and write.
    pub(crate) parts: Vec<Part>,
}

impl LaidOut {
    /// Lays `file` out.
    ///
    /// # Errors
    /// See [`ImageError`].
    pub(crate) fn parse(file: &[u8]) -> Result<Self, ImageError> {
        let header = Header::parse(file)?;
        let endian = header.endian()?;
        let (kind, machine) = (header.e_type(endian), header.e_machine(endian));
        if kind != elf::ET_DYN || machine != elf::EM_X86_64 {
            return Err(ImageError::Kind { kind, machine });
        }
        let segments = header.program_headers(endian, file)?;
        let span = span(segments, endian)?;
        check_constant(segments, endian, span)?;
        let mut bytes = load(segments, endian, file, span)?;
        let entry = header.e_entry(endian);
        inside("entry point", entry, 1, span)?;
        let addends = relocations(segments, endian, file, &bytes)?;
        for &(at, addend) in &addends {
            bytes[at as usize..at as usize + 8].copy_from_slice(&addend.to_le_bytes());
        }
        let relocations = addends.into_iter().map(|(at, _)| at).collect();
        Ok(Self { bytes, span, entry, relocations, parts: protections(segments, endian) })
    }
}

/// Moves an image by `distance`.
pub(crate) fn relocate(bytes: &mut [u8], relocations: &[u32], distance: u64) {
    for &at in relocations {
        let Some(word) = bytes.get_mut(at as usize..).and_then(<[u8]>::first_chunk_mut::<8>) else {
            continue;
        };
        *word = u64::from_le_bytes(*word).wrapping_add(distance).to_le_bytes();
    }
}

fn inside(what: &'static str, at: u64, len: u64, span: u64) -> Result<(), ImageError> {
    match at.checked_add(len) {
        Some(end) if end <= span => Ok(()),
        _ => Err(ImageError::Outside { what, at, span }),
    }
}

fn loaded(segments: &[Segment], endian: Endianness) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(move |segment| segment.p_type(endian) == elf::PT_LOAD)
}

fn span(segments: &[Segment], endian: Endianness) -> Result<u64, ImageError> {
    let mut span = 0;
    for segment in loaded(segments, endian) {
        inside("segment", segment.p_vaddr(endian), segment.p_memsz(endian), LARGEST)?;
        span = span.max(segment.p_vaddr(endian) + segment.p_memsz(endian));
    }
    Ok(span.next_multiple_of(PAGE))
}

fn constant(segments: &[Segment], endian: Endianness) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(move |segment| segment.p_type(endian) == elf::PT_GNU_RELRO)
}

fn check_constant(segments: &[Segment], endian: Endianness, span: u64) -> Result<(), ImageError> {
    constant(segments, endian).try_for_each(|segment| {
        inside("constant data", segment.p_vaddr(endian), segment.p_memsz(endian), span)
    })
}

fn load(segments: &[Segment], endian: Endianness, file: &[u8], span: u64) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    for segment in loaded(segments, endian) {
        let at = segment.p_vaddr(endian);
        let data = segment.data(endian, file).map_err(|()| ImageError::Outside { what: "data", at, span })?;
        inside("segment data", at, data.len() as u64, span)?;
        let (start, end) = (at as usize, at as usize + data.len());
        bytes.resize(bytes.len().max(end), 0);
        bytes[start..end].copy_from_slice(data);
    }
    bytes.resize(bytes.len().next_multiple_of(PAGE as usize), 0);
    Ok(bytes)
}

/// Whole pages for each segment that is not plain data, then what is constant once relocated.
fn protections(segments: &[Segment], endian: Endianness) -> Vec<Part> {
    let part = |segment: &Segment, access| {
        let start = segment.p_vaddr(endian) & !(PAGE - 1);
        let end = (segment.p_vaddr(endian) + segment.p_memsz(endian)).next_multiple_of(PAGE);
        Part { start, len: end - start, access }
    };
    let segment_part = |segment: &Segment| {
        let flags = segment.p_flags(endian);
        let access = if flags & elf::PF_X != 0 { Access::ReadExecute } else { Access::Read };
        (flags & elf::PF_W == 0).then(|| part(segment, access))
    };
    let constant = constant(segments, endian).map(|segment| {
        let whole = part(segment, Access::Read);
        Part { len: (segment.p_vaddr(endian) + segment.p_memsz(endian) - whole.start) & !(PAGE - 1), ..whole }
    });
    loaded(segments, endian).filter_map(segment_part).chain(constant.filter(|part| part.len != 0)).collect()
}

fn relocations(
    segments: &[Segment],
    endian: Endianness,
    file: &[u8],
    bytes: &[u8],
) -> Result<Vec<(u32, u64)>, ImageError> {
    let mut found = Vec::new();
    for rela in rela_table(segments, endian, file, bytes)? {
        let at = rela.r_offset.get(endian);
        let kind = rela.r_type(endian, false);
        inside("relocated word", at, 8, bytes.len() as u64)?;
        if kind != elf::R_X86_64_RELATIVE {
            return Err(ImageError::Relocation { kind, at });
        }
        found.push((at as u32, rela.r_addend.get(endian) as u64));
    }
    Ok(found)
}

type Rela = elf::Rela64<Endianness>;

fn rela_table<'b>(
    segments: &[Segment],
    endian: Endianness,
    file: &[u8],
    bytes: &'b [u8],
) -> Result<&'b [Rela], ImageError> {
    let (mut at, mut len) = (0, 0);
    for segment in segments {
        for entry in segment.dynamic(endian, file)?.unwrap_or_default() {
            match entry.tag32(endian) {
                Some(elf::DT_RELA) => at = entry.d_val(endian),
                Some(elf::DT_RELASZ) => len = entry.d_val(endian),
                _ => {}
            }
        }
    }
    inside("relocation table", at, len, bytes.len() as u64)?;
    let table = &bytes[at as usize..(at + len) as usize];
    let outside = |()| ImageError::Outside { what: "relocation", at, span: bytes.len() as u64 };
    pod_slice(table).map_err(outside)
}

fn pod_slice<T: Pod>(bytes: &[u8]) -> Result<&[T], ()> {
    object::slice_from_all_bytes(bytes)
}
