//! What the report needs of an ELF file: where its segments go, how much code it has. Only its headers are read for
//! that: symbol tables are many times larger.

use std::fs::File;
use std::io;
use std::path::Path;

use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable};
use object::{Endianness, ReadCache};

/// A loadable piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Address in the file's own numbering.
    pub(crate) vaddr: u64,
    /// Where in the file it starts.
    pub(crate) offset: u64,
    /// Bytes of it in the file.
    pub(crate) file_bytes: u64,
    /// Bytes of it in memory.
    pub(crate) memory_bytes: u64,
    /// Whether it holds code.
    pub(crate) content: Content,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Code,
    Data,
}

/// The facts of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) segments: Vec<Segment>,
    /// Bytes of executable sections, or of executable segments where there are no sections.
    pub(crate) executable_bytes: u64,
    /// Entry point, in the file's own numbering.
    pub(crate) entry: u64,
}

impl Segment {
    fn of(header: &elf::ProgramHeader64<Endianness>, endian: Endianness) -> Self {
        let code = header.p_flags(endian) & elf::PF_X != 0;
        Self {
            vaddr: header.p_vaddr(endian),
            offset: header.p_offset(endian),
            file_bytes: header.p_filesz(endian),
            memory_bytes: header.p_memsz(endian),
            content: if code { Content::Code } else { Content::Data },
        }
    }
}

impl Facts {
    /// Reads a 64-bit ELF file; none when it is none or cannot be read.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let contents = ReadCache::new(open_regular(path).ok()?);
        let Elf { header, endian, sections, data } = Elf::parse(&contents)?;
        let headers = header.program_headers(endian, data).ok()?.iter();
        let loads = headers.filter(|header| header.p_type(endian) == elf::PT_LOAD);
        let segments: Vec<Segment> = loads.map(|header| Segment::of(header, endian)).collect();
        let code = segments.iter().filter(|segment| segment.content == Content::Code);
        let in_segments: u64 = code.map(|segment| segment.file_bytes).sum();
        let code = sections.iter().filter(|section| is_code(section.sh_flags(endian)));
        let in_sections: u64 = code.map(|section| section.sh_size(endian)).sum();
        let executable_bytes = if in_sections == 0 { in_segments } else { in_sections };
        Some(Self { segments, executable_bytes, entry: header.e_entry(endian) })
    }

    /// Where the file's own numbering starts: the page of its lowest segment.
    pub(crate) fn base(&self) -> u64 {
        self.segments.iter().map(|segment| segment.vaddr & !0xfff).min().unwrap_or(0)
    }

    /// Bytes from [`Facts::base`] to the end of the last segment.
    pub(crate) fn span(&self) -> u64 {
        let end =
            self.segments.iter().map(|segment| segment.vaddr.saturating_add(segment.memory_bytes)).max();
        end.unwrap_or(0).saturating_sub(self.base())
    }

    /// The address, in the file's own numbering, of what an executable mapping of file offset `offset`
    /// starts with.
    pub(crate) fn address_of(&self, offset: u64) -> Option<u64> {
        let holds = |segment: &&Segment| {
            let start = segment.offset & !0xfff;
            (start..segment.offset.saturating_add(segment.file_bytes).max(start + 1)).contains(&offset)
        };
        // Segments may share a page of the file; an executable mapping of it is the one with the code.
        let code = self.segments.iter().filter(|segment| segment.content == Content::Code).find(holds);
        let segment = code.or_else(|| self.segments.iter().find(holds))?;
        Some(segment.vaddr.wrapping_sub(segment.offset).wrapping_add(offset))
    }

    /// Where in the file the byte of address `address` lies.
    pub(crate) fn offset_of(&self, address: u64) -> Option<u64> {
        let holds = |segment: &&Segment| {
            (segment.vaddr..segment.vaddr.saturating_add(segment.file_bytes)).contains(&address)
        };
        self.segments.iter().find(holds).map(|segment| address - segment.vaddr + segment.offset)
    }
}

/// Opens a file for reading unless opening or reading it could block: paths come from traced programs.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    if path.metadata()?.is_file() { File::open(path) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn is_code(flags: u64) -> bool {
    let code = u64::from(elf::SHF_ALLOC | elf::SHF_EXECINSTR);
    flags & code == code
}

/// The contents of a file, read where they are asked for.
pub(super) type Contents = ReadCache<File>;

/// A 64-bit ELF file and its section headers.
pub(super) struct Elf<'d> {
    header: &'d FileHeader64<Endianness>,
    pub(super) endian: Endianness,
    pub(super) sections: SectionTable<'d, FileHeader64<Endianness>, &'d Contents>,
    pub(super) data: &'d Contents,
}

impl<'d> Elf<'d> {
    /// Reads the headers; none when there are none, or they make no sense.
    pub(super) fn parse(data: &'d Contents) -> Option<Self> {
        let header = FileHeader64::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, data).ok()?;
        Some(Self { header, endian, sections, data })
    }

    /// What tells this build of the program from others.
    pub(super) fn build_id(&self) -> Option<&'d [u8]> {
        let notes = self.sections.iter().filter_map(|section| section.notes(self.endian, self.data).ok()?);
        notes.into_iter().find_map(|mut notes| {
            loop {
                let note = notes.next().ok()??;
                if note.name() == elf::ELF_NOTE_GNU && note.n_type(self.endian) == elf::NT_GNU_BUILD_ID {
                    return Some(note.desc());
                }
            }
        })
    }
}
