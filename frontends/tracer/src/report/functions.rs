//! Functions by their symbols.

use std::path::{Path, PathBuf};

use object::Endianness;
use object::elf::{self, Sym64};
use object::read::elf::{SectionHeader, Sym};

use super::elf::{Contents, Elf, open_regular};

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

/// The functions that hold one of `addresses`, as the file's symbol tables name them, ascending; of several names at
/// one address the first. Looks into the separate debug file of the distribution where there is one.
pub(crate) fn functions(path: &Path, addresses: &[u64]) -> Vec<Function> {
    let of_file = || {
        let contents = Contents::new(open_regular(path).ok()?);
        let file = Elf::parse(&contents)?;
        let debug = || of_debug_file(&debug_file(file.build_id()?)?, addresses);
        let all = of_table(&file, elf::SHT_SYMTAB, addresses).or_else(debug);
        all.or_else(|| of_table(&file, elf::SHT_DYNSYM, addresses))
    };
    of_file().unwrap_or_default()
}

/// Where distributions put the debug file of a stripped one.
fn debug_file(id: &[u8]) -> Option<PathBuf> {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (head, tail) = hex.split_at_checked(2)?;
    Some(format!("/usr/lib/debug/.build-id/{head}/{tail}.debug").into())
}

fn of_debug_file(path: &Path, addresses: &[u64]) -> Option<Vec<Function>> {
    let contents = Contents::new(open_regular(path).ok()?);
    of_table(&Elf::parse(&contents)?, elf::SHT_SYMTAB, addresses)
}

/// The functions of one of a file's tables that hold one of `addresses`; `None` when the table has no functions, or
/// cannot be read.
fn of_table(file: &Elf<'_>, table: u32, addresses: &[u64]) -> Option<Vec<Function>> {
    let symbols = file.sections.symbols(file.endian, file.data, table).ok()?;
    // At once: name by name, the names of a C library's debug file are 10 000 reads.
    let names = file.sections.section(symbols.string_section()).ok()?.data(file.endian, file.data).ok()?;
    let mut search = Search::new(addresses);
    for (number, symbol) in (0..).zip(symbols.iter()) {
        if let Some(extent) = Extent::of(symbol, number, file.endian, names) {
            search.add(extent);
        }
    }
    Some(search.held()?.into_iter().map(|extent| extent.function(names)).collect())
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

impl Extent {
    fn of(symbol: &Sym64<Endianness>, number: u32, endian: Endianness, names: &[u8]) -> Option<Self> {
        if ![elf::STT_FUNC, elf::STT_GNU_IFUNC].contains(&symbol.st_type()) || symbol.is_undefined(endian) {
            return None;
        }
        let name = symbol.st_name(endian);
        let start = symbol.st_value(endian);
        let end = start.saturating_add(symbol.st_size(endian));
        names.get(name as usize).filter(|&&byte| byte != 0).map(|_| Self { start, end, name, number })
    }

    fn function(self, names: &[u8]) -> Function {
        let name = names.get(self.name as usize..).and_then(|rest| rest.split(|&byte| byte == 0).next());
        let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
        Function { start: self.start, end: self.end, name }
    }
}

/// A symbol without a size (hand-written assembly) reaches to the next one, at most this far.
const SIZELESS_REACH: u64 = 4096;

/// Finds, among extents that come in any order and are not kept, those that hold addresses.
struct Search {
    /// Ascending.
    addresses: Vec<u64>,
    /// What starts at or before each address and behind the one before it; then what starts behind all of them.
    gaps: Vec<Option<Gap>>,
}

/// The extents that start between two addresses.
#[derive(Clone, Copy)]
struct Gap {
    /// Where the first one starts.
    first: u64,
    last: Extent,
}

impl Search {
    fn new(addresses: &[u64]) -> Self {
        let mut addresses = addresses.to_vec();
        addresses.sort_unstable();
        addresses.dedup();
        let gaps = vec![None; addresses.len() + 1];
        Self { addresses, gaps }
    }

    fn add(&mut self, extent: Extent) {
        let at = self.addresses.partition_point(|&address| address < extent.start);
        let gap = self.gaps[at].get_or_insert(Gap { first: extent.start, last: extent });
        gap.first = gap.first.min(extent.start);
        let later = extent.start > gap.last.start;
        if later || extent.start == gap.last.start && extent.number < gap.last.number {
            gap.last = extent;
        }
    }

    /// What holds an address, ascending; `None` when there was nothing at all.
    fn held(mut self) -> Option<Vec<Extent>> {
        self.close_gaps()?;
        let mut held: Vec<Extent> = Vec::new();
        let mut before = None;
        for (&address, gap) in self.addresses.iter().zip(&self.gaps) {
            before = gap.map(|gap| gap.last).or(before);
            let holder = before.filter(|extent| address < extent.end);
            let known = held.last().map(|extent| extent.start);
            held.extend(holder.filter(|extent| known != Some(extent.start)));
        }
        Some(held)
    }

    fn close_gaps(&mut self) -> Option<()> {
        let mut next = None;
        for gap in self.gaps.iter_mut().rev().flatten() {
            if gap.last.end == gap.last.start {
                gap.last.end = next.unwrap_or(u64::MAX).min(gap.last.start.saturating_add(SIZELESS_REACH));
            }
            next = Some(gap.first);
        }
        next.map(drop)
    }
}

/// The function that holds `address`, among ascending `functions`.
pub(crate) fn function_at(functions: &[Function], address: u64) -> Option<&Function> {
    let behind = functions.partition_point(|known| known.start <= address);
    functions.get(behind.checked_sub(1)?).filter(|known| address < known.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By sorting everything, which the search makes do without.
    fn sorted(mut extents: Vec<Extent>, addresses: &[u64]) -> Vec<(u64, u64, u32)> {
        extents.sort_by_key(|extent| (extent.start, extent.number));
        extents.dedup_by_key(|extent| extent.start);
        let starts: Vec<u64> = extents.iter().map(|extent| extent.start).skip(1).chain([u64::MAX]).collect();
        for (extent, next) in extents.iter_mut().zip(starts) {
            if extent.end == extent.start {
                extent.end = next.min(extent.start + SIZELESS_REACH);
            }
        }
        let holds = |extent: &Extent, next: u64| {
            addresses.iter().any(|&at| (extent.start..extent.end.min(next)).contains(&at))
        };
        let nexts: Vec<u64> = extents.iter().map(|extent| extent.start).skip(1).chain([u64::MAX]).collect();
        let held = extents.iter().zip(nexts).filter(|(extent, next)| holds(extent, *next));
        held.map(|(extent, _)| (extent.start, extent.end, extent.number)).collect()
    }

    #[test]
    fn the_search_finds_what_sorting_finds() {
        let (mut random, mut found) = (1u64, 0);
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for _ in 0..2000 {
            // Overlapping, nested, of one start, without a size.
            let extents: Vec<Extent> = (0..next(20) as u32)
                .map(|number| {
                    let start = next(40) * 500;
                    Extent { start, end: start + next(4) * 700, name: 0, number }
                })
                .collect();
            let addresses: Vec<u64> = (0..next(12)).map(|_| next(24_000)).collect();
            let mut search = Search::new(&addresses);
            extents.iter().for_each(|&extent| search.add(extent));
            let held = search.held().unwrap_or_default();
            let held: Vec<_> = held.iter().map(|extent| (extent.start, extent.end, extent.number)).collect();
            found += held.len();
            assert_eq!(held, sorted(extents.clone(), &addresses), "{extents:x?} {addresses:x?}");
        }
        assert!(found > 2000, "{found}");
    }

    #[test]
    fn a_table_without_functions_is_told_from_one_that_holds_nothing() {
        assert!(Search::new(&[1]).held().is_none());
        let mut search = Search::new(&[1]);
        search.add(Extent { start: 2, end: 3, name: 0, number: 0 });
        assert!(search.held().is_some_and(|held| held.is_empty()));
    }
}
