//! Header and section table.

use alloc::vec::Vec;

use crate::canonical::State;
use crate::image::decode;
use crate::image::error::{ImageError, Part, Section};
use crate::image::pages::{PageRun, checksum};
use crate::image::{ModuleHash, VERSION};
use crate::memory::PAGE_BYTES;

pub(super) const MAGIC: [u8; 8] = *b"midwasm\x1a";
/// Where the checksum of the head is.
const SUM: usize = 56;
/// Where the section table starts.
const TABLE: usize = 64;
/// Bytes of one of its lines.
const LINE: usize = 32;
/// Where the first section starts.
pub(super) const SECTIONS: usize = TABLE + LINE * Section::ALL.len();
const PAGE_LOG2: u32 = PAGE_BYTES.trailing_zeros();

/// An image without the contents of its memories: enough to check a module against, to inspect frames, and
/// to map the pages from the file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ImageHead {
    /// The version it was written in.
    pub version: u16,
    /// Which module it is a state of.
    pub module: ModuleHash,
    /// Everything but the memories' pages.
    pub state: State,
    /// By memory index: the pages that are not zero, in order.
    pub runs: Vec<Vec<PageRun>>,
}

impl ImageHead {
    /// Whether it is a state of this module.
    ///
    /// # Errors
    /// [`ImageError::OtherModule`]
    pub fn expect_module(&self, expected: &ModuleHash) -> Result<(), ImageError> {
        expect_module(expected, &self.module)
    }

    /// Reads the head of a file that is mapped or in memory; page data is not looked at
    /// ([`PageRun::verify`] does).
    ///
    /// # Errors
    /// [`ImageError`]: what is wrong, and where.
    pub fn read(file: &[u8]) -> Result<Self, ImageError> {
        let head = Fixed::read(file)?;
        let mut state = State::default();
        let mut runs = Vec::new();
        let mut at = SECTIONS;
        for (index, section) in Section::ALL.into_iter().enumerate() {
            let bytes = head.section(index, section, at)?;
            decode::section(section, at, bytes, &mut state, &mut runs)?;
            at += bytes.len();
        }
        state.check()?;
        let end = place_pages(&mut runs, file, at)?;
        let found = file.len() as u64;
        if end != found {
            return Err(ImageError::FileLength { stated: end, found });
        }
        Ok(Self { version: head.version, module: head.module, state, runs })
    }
}

pub(super) fn expect_module(expected: &ModuleHash, found: &ModuleHash) -> Result<(), ImageError> {
    let [expected, found] = [*expected, *found];
    if expected == found { Ok(()) } else { Err(ImageError::OtherModule { expected, found }) }
}

/// What stands at fixed places.
struct Fixed<'f> {
    file: &'f [u8],
    version: u16,
    module: ModuleHash,
}

impl<'f> Fixed<'f> {
    fn read(file: &'f [u8]) -> Result<Self, ImageError> {
        let found = file.len() as u64;
        let truncated = ImageError::Truncated { length: found };
        if !file.starts_with(&MAGIC) {
            let cut = !file.is_empty() && MAGIC.starts_with(file);
            return Err(if cut { truncated } else { ImageError::NotAnImage });
        }
        let version = u16::from_le_bytes(field(file, 8).ok_or(truncated)?);
        if version != VERSION {
            return Err(ImageError::Version { found: version });
        }
        let head = file.get(..SECTIONS).ok_or(truncated)?;
        if number(head, SUM) != head_checksum(head) {
            return Err(ImageError::Checksum { part: Part::Head, offset: 0 });
        }
        let stated = number(head, 48);
        if stated != found {
            return Err(ImageError::FileLength { stated, found });
        }
        if number(head, 8) != second_word(version) {
            return Err(ImageError::Head { offset: 8 });
        }
        Ok(Self { file, version, module: field(head, 16).ok_or(truncated)? })
    }

    /// The bytes of the section in this line of the table; it starts at `at`.
    fn section(&self, line: usize, section: Section, at: usize) -> Result<&'f [u8], ImageError> {
        let offset = TABLE + line * LINE;
        let [kind, start, length, sum] = [0, 8, 16, 24].map(|column| number(self.file, offset + column));
        let bytes = usize::try_from(length).ok().and_then(|length| self.file.get(at..)?.get(..length));
        match bytes {
            Some(bytes) if kind == section as u64 && start == at as u64 => {
                if checksum(bytes) == sum {
                    Ok(bytes)
                } else {
                    Err(ImageError::Checksum { part: Part::Section(section), offset: start })
                }
            }
            _ => Err(ImageError::Head { offset: offset as u64 }),
        }
    }
}

/// Gives runs their places in the file, from the first page behind `head_end`; says where they end.
fn place_pages(runs: &mut [Vec<PageRun>], file: &[u8], head_end: usize) -> Result<u64, ImageError> {
    let mut offset = data_start(head_end as u64);
    let padding = file.get(head_end..offset as usize).unwrap_or_default();
    if let Some(at) = padding.iter().position(|byte| *byte != 0) {
        return Err(ImageError::Head { offset: (head_end + at) as u64 });
    }
    for run in runs.iter_mut().flatten() {
        run.file_offset = offset;
        offset = offset.saturating_add(run.range.bytes());
    }
    Ok(if runs.iter().all(Vec::is_empty) { head_end as u64 } else { offset })
}

/// Where page data starts.
pub(super) fn data_start(head_end: u64) -> u64 {
    head_end.next_multiple_of(PAGE_BYTES as u64)
}

/// The head of a file with these sections.
pub(super) fn write(module: &ModuleHash, file_length: u64, sections: &[Vec<u8>]) -> Vec<u8> {
    let mut head = Vec::with_capacity(SECTIONS);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&second_word(VERSION).to_le_bytes());
    head.extend_from_slice(module);
    head.extend_from_slice(&file_length.to_le_bytes());
    head.extend_from_slice(&[0; 8]);
    let mut at = SECTIONS as u64;
    for (kind, bytes) in Section::ALL.into_iter().zip(sections) {
        let line = [kind as u64, at, bytes.len() as u64, checksum(bytes)];
        line.iter().for_each(|number| head.extend_from_slice(&number.to_le_bytes()));
        at += bytes.len() as u64;
    }
    let sum = head_checksum(&head);
    head[SUM..TABLE].copy_from_slice(&sum.to_le_bytes());
    sections.iter().for_each(|bytes| head.extend_from_slice(bytes));
    head
}

/// Version, number of sections, page size.
fn second_word(version: u16) -> u64 {
    u64::from(version) | (Section::ALL.len() as u64) << 16 | u64::from(PAGE_LOG2) << 32
}

fn head_checksum(head: &[u8]) -> u64 {
    let mut covered = [0; SECTIONS - 8];
    covered[..SUM].copy_from_slice(&head[..SUM]);
    covered[SUM..].copy_from_slice(&head[TABLE..SECTIONS]);
    checksum(&covered)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The number at `at`, or 0 where there is none: the head's length was checked.
fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at).unwrap_or_default())
}
