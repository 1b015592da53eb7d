//! What the report needs of an ELF file: where its segments go, how much code it has, its functions.

use std::fs::File;
use std::io;
use std::path::Path;

use object::elf::{self, Sym64};
use object::read::elf::{ElfFile64, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, Object, ObjectSection, ReadCache, ReadRef, SectionFlags};

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

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Address in the file's own numbering.
    pub(crate) start: u64,
    /// First address behind it.
    pub(crate) end: u64,
    /// Its name as in the file.
    pub(crate) name: String,
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
        let cache = ReadCache::new(open_regular(path).ok()?);
        let file = ElfFile64::<Endianness, _>::parse(&cache).ok()?;
        Some(Self::of(&file))
    }

    fn of<'d, R: ReadRef<'d>>(file: &ElfFile64<'d, Endianness, R>) -> Self {
        let endian = file.endian();
        let headers = file.elf_program_headers().iter();
        let loads = headers.filter(|header| header.p_type(endian) == elf::PT_LOAD);
        let segments: Vec<Segment> = loads.map(|header| Segment::of(header, endian)).collect();
        let code = segments.iter().filter(|segment| segment.content == Content::Code);
        let in_segments: u64 = code.map(|segment| segment.file_bytes).sum();
        let in_sections: u64 = file.sections().filter(is_code).map(|section| section.size()).sum();
        Self {
            segments,
            executable_bytes: if in_sections == 0 { in_segments } else { in_sections },
            entry: file.entry(),
        }
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

fn is_code<'d, S: ObjectSection<'d>>(section: &S) -> bool {
    let flags = u64::from(elf::SHF_ALLOC | elf::SHF_EXECINSTR);
    matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & flags == flags)
}

/// The functions that the file's symbol tables name, ascending; of several names at one address the first
/// global one. Looks into the separate debug file of the distribution where there is one.
pub(crate) fn functions(path: &Path) -> Vec<Function> {
    let all = |path: &Path| read_functions(path, elf::SHT_SYMTAB);
    let exported = || read_functions(path, elf::SHT_DYNSYM);
    all(path).or_else(|| all(&debug_file(path)?)).or_else(exported).unwrap_or_default()
}

/// The functions in one of a file's tables; `None` when it has none, or cannot be read.
fn read_functions(path: &Path, table: u32) -> Option<Vec<Function>> {
    let cache = ReadCache::new(open_regular(path).ok()?);
    let file = ElfFile64::<Endianness, _>::parse(&cache).ok()?;
    let (endian, sections) = (file.endian(), file.elf_section_table());
    let symbols = sections.symbols(endian, &cache, table).ok()?;
    // At once: name by name, the names of a C library's debug file are 10 000 reads.
    let names = sections.section(symbols.string_section()).ok()?.data(endian, &cache).ok()?;
    let mut functions: Vec<Function> =
        symbols.iter().filter_map(|symbol| function(symbol, endian, names)).collect();
    functions.sort_by_key(|function| function.start);
    functions.dedup_by_key(|function| function.start);
    close_gaps(&mut functions);
    (!functions.is_empty()).then_some(functions)
}

fn function(symbol: &Sym64<Endianness>, endian: Endianness, names: &[u8]) -> Option<Function> {
    let is_function = [elf::STT_FUNC, elf::STT_GNU_IFUNC].contains(&symbol.st_type());
    if !is_function || symbol.is_undefined(endian) {
        return None;
    }
    let name = names.get(symbol.st_name(endian) as usize..)?.split(|&byte| byte == 0).next()?;
    let name = String::from_utf8_lossy(name).into_owned();
    let start = symbol.st_value(endian);
    (!name.is_empty()).then(|| Function { start, end: start.saturating_add(symbol.st_size(endian)), name })
}

/// A symbol without a size (hand-written assembly) reaches to the next one, at most this far.
const SIZELESS_REACH: u64 = 4096;

fn close_gaps(functions: &mut [Function]) {
    let next: Vec<u64> = functions.iter().skip(1).map(|function| function.start).chain([u64::MAX]).collect();
    for (function, next) in functions.iter_mut().zip(next) {
        if function.end == function.start {
            function.end = next.min(function.start.saturating_add(SIZELESS_REACH));
        }
    }
}

/// Where distributions put the debug file of a stripped one.
fn debug_file(path: &Path) -> Option<std::path::PathBuf> {
    let cache = ReadCache::new(open_regular(path).ok()?);
    let file = ElfFile64::<Endianness, _>::parse(&cache).ok()?;
    let id = file.build_id().ok()??;
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (head, tail) = hex.split_at_checked(2)?;
    Some(format!("/usr/lib/debug/.build-id/{head}/{tail}.debug").into())
}

/// The function that holds `address`, among ascending `functions`.
pub(crate) fn function_at(functions: &[Function], address: u64) -> Option<&Function> {
    let behind = functions.partition_point(|function| function.start <= address);
    functions.get(behind.checked_sub(1)?).filter(|function| address < function.end)
}
