//! What the report needs of an ELF file: where its segments go, how much code it has, its functions.

use std::fs::File;
use std::io;
use std::ops::Range;
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

/// The functions that hold one of `addresses`, as the file's symbol tables name them, ascending; of several names at
/// one address the first. Looks into the separate debug file of the distribution where there is one.
pub(crate) fn functions(path: &Path, addresses: &[u64]) -> Vec<Function> {
    let all = |path: &Path| read_functions(path, elf::SHT_SYMTAB, addresses);
    let exported = || read_functions(path, elf::SHT_DYNSYM, addresses);
    all(path).or_else(|| all(&debug_file(path)?)).or_else(exported).unwrap_or_default()
}

/// What a symbol says of a function. A program has a hundred times more of them than functions that ran, so that
/// nothing is made of its name before it is wanted.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u64,
    end: u64,
    /// Where its name starts among the names.
    name: u32,
    /// Its place in the table.
    number: u32,
}

/// The functions of one of a file's tables that hold one of `addresses`; `None` when the table has no functions, or
/// cannot be read.
fn read_functions(path: &Path, table: u32, addresses: &[u64]) -> Option<Vec<Function>> {
    let cache = ReadCache::new(open_regular(path).ok()?);
    let file = ElfFile64::<Endianness, _>::parse(&cache).ok()?;
    let (endian, sections) = (file.endian(), file.elf_section_table());
    let symbols = sections.symbols(endian, &cache, table).ok()?;
    // At once: name by name, the names of a C library's debug file are 10 000 reads.
    let names = sections.section(symbols.string_section()).ok()?.data(endian, &cache).ok()?;
    let extent = |(number, symbol)| Extent::of(symbol, number, endian, names);
    let mut extents: Vec<Extent> = (0..).zip(symbols.iter()).filter_map(extent).collect();
    extents.sort_unstable_by_key(|extent| (extent.start, extent.number));
    extents.dedup_by_key(|extent| extent.start);
    close_gaps(&mut extents);
    let at = |&address: &u64| holder(&extents, |extent| extent.start..extent.end, address);
    let mut held: Vec<&Extent> = addresses.iter().filter_map(at).collect();
    held.sort_unstable_by_key(|extent| extent.start);
    held.dedup_by_key(|extent| extent.start);
    (!extents.is_empty()).then(|| held.into_iter().map(|extent| extent.function(names)).collect())
}

impl Extent {
    fn of(symbol: &Sym64<Endianness>, number: u32, endian: Endianness, names: &[u8]) -> Option<Self> {
        let is_function = [elf::STT_FUNC, elf::STT_GNU_IFUNC].contains(&symbol.st_type());
        let name = symbol.st_name(endian);
        let is_named = names.get(name as usize).is_some_and(|&byte| byte != 0);
        let start = symbol.st_value(endian);
        let end = start.saturating_add(symbol.st_size(endian));
        (is_function && is_named && !symbol.is_undefined(endian)).then_some(Self { start, end, name, number })
    }

    fn function(self, names: &[u8]) -> Function {
        let name = names.get(self.name as usize..).and_then(|rest| rest.split(|&byte| byte == 0).next());
        let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
        Function { start: self.start, end: self.end, name }
    }
}

/// A symbol without a size (hand-written assembly) reaches to the next one, at most this far.
const SIZELESS_REACH: u64 = 4096;

fn close_gaps(extents: &mut [Extent]) {
    let mut next = u64::MAX;
    for extent in extents.iter_mut().rev() {
        if extent.end == extent.start {
            extent.end = next.min(extent.start.saturating_add(SIZELESS_REACH));
        }
        next = extent.start;
    }
}

/// The one that holds `address`, among ascending ones with these ranges.
fn holder<T>(ascending: &[T], range: impl Fn(&T) -> Range<u64>, address: u64) -> Option<&T> {
    let behind = ascending.partition_point(|known| range(known).start <= address);
    ascending.get(behind.checked_sub(1)?).filter(|known| range(known).contains(&address))
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
    holder(functions, |function| function.start..function.end, address)
}
