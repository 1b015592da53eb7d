//! Sums over a profile: per module, per function, the busiest blocks.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::functions::{Function, function_at, functions};
use super::modules::ModuleId;
use super::profile::{Block, Profile};

/// Sums over blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Different blocks executed.
    pub blocks: u64,
    /// Different bytes executed: overlapping blocks count once.
    pub bytes: u64,
    /// How often blocks were entered.
    pub entered: u64,
    /// Instructions executed.
    pub instructions: u64,
}

/// A module's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleSums {
    /// Which module.
    pub module: ModuleId,
    /// Its sums.
    pub sums: Sums,
}

/// A function's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSums {
    /// Which module it is in.
    pub module: ModuleId,
    /// Its demangled name.
    pub name: String,
    /// Its offset from the module's base.
    pub offset: u64,
    /// Its sums.
    pub sums: Sums,
}

/// A block with the function it lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopBlock {
    /// The block.
    pub block: Block,
    /// The demangled name of its function and the distance from its start, when there are symbols.
    pub function: Option<(String, u64)>,
}

impl Sums {
    /// Sums of blocks ascending by offset, all of one module.
    fn of<'b>(blocks: impl IntoIterator<Item = &'b Block>) -> Self {
        let (mut sums, mut covered_to) = (Self::default(), 0u64);
        for block in blocks {
            let end = block.offset.saturating_add(block.executed_bytes.into());
            sums.blocks += u64::from(block.executed_bytes != 0);
            sums.bytes += end.saturating_sub(block.offset.max(covered_to));
            sums.entered = sums.entered.saturating_add(block.entered);
            sums.instructions = sums.instructions.saturating_add(block.executed);
            covered_to = covered_to.max(end);
        }
        sums
    }

    fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
        self.entered = self.entered.saturating_add(other.entered);
        self.instructions = self.instructions.saturating_add(other.instructions);
    }
}

/// Sums of everything.
#[must_use]
pub fn total(modules: &[ModuleSums]) -> Sums {
    let mut total = Sums::default();
    modules.iter().for_each(|module| total.add(module.sums));
    total
}

/// Sums of each module, in the order of the profile.
#[must_use]
pub fn by_module(profile: &Profile) -> Vec<ModuleSums> {
    let ids = (0..profile.modules.len() as u32).map(ModuleId);
    ids.map(|module| ModuleSums { module, sums: Sums::of(of_module(profile, module)) }).collect()
}

fn of_module(profile: &Profile, module: ModuleId) -> &[Block] {
    let start = profile.blocks.partition_point(|block| block.module < module);
    let end = profile.blocks.partition_point(|block| block.module <= module);
    &profile.blocks[start..end]
}

/// The functions that executed something, by module.
pub struct Symbols {
    by_module: BTreeMap<ModuleId, Vec<Function>>,
}

impl Symbols {
    /// Reads the symbol tables of the modules with blocks.
    #[must_use]
    pub fn read(profile: &Profile) -> Self {
        let mut by_module = BTreeMap::new();
        for (id, module) in (0..).map(ModuleId).zip(&profile.modules) {
            let blocks = of_module(profile, id);
            if module.facts.is_some() && !blocks.is_empty() {
                let address = |block: &Block| module.preferred_base.wrapping_add(block.offset);
                let addresses: Vec<u64> = blocks.iter().map(address).collect();
                by_module.insert(id, functions(&module.path, &addresses));
            }
        }
        Self { by_module }
    }

    fn find(&self, profile: &Profile, block: &Block) -> Option<&Function> {
        let base = profile.modules[block.module.index()].preferred_base;
        function_at(self.by_module.get(&block.module)?, base.wrapping_add(block.offset))
    }
}

/// A function, when there is one, and its blocks.
type Group<'p> = (Option<&'p Function>, Vec<&'p Block>);

/// Sums of each function that executed something, most instructions first. Blocks outside all known
/// functions come together, one entry for each module, named `?`.
#[must_use]
pub fn by_function(profile: &Profile, symbols: &Symbols) -> Vec<FunctionSums> {
    let mut groups: BTreeMap<(ModuleId, u64), Group<'_>> = BTreeMap::new();
    for block in profile.blocks.iter().filter(|block| block.executed_bytes != 0) {
        let function = symbols.find(profile, block);
        let key = (block.module, function.map_or(u64::MAX, |function| function.start));
        groups.entry(key).or_insert_with(|| (function, Vec::new())).1.push(block);
    }
    let mut sums: Vec<FunctionSums> = groups
        .into_iter()
        .map(|((module, _), (function, blocks))| {
            let base = profile.modules[module.index()].preferred_base;
            let offset = function.map_or(0, |function| function.start.wrapping_sub(base));
            let name = function.map_or_else(|| "?".to_owned(), |function| demangle(&function.name));
            FunctionSums { module, name, offset, sums: Sums::of(blocks) }
        })
        .collect();
    sums.sort_by_key(|function| Reverse((function.sums.instructions, function.sums.bytes)));
    sums
}

/// The `most` blocks that executed most instructions, the busiest first.
#[must_use]
pub fn top_blocks(profile: &Profile, symbols: &Symbols, most: usize) -> Vec<TopBlock> {
    let mut order: Vec<&Block> = profile.blocks.iter().filter(|block| block.executed != 0).collect();
    order.sort_by_key(|block| Reverse(block.executed));
    let with_function = |block: &Block| {
        let base = profile.modules[block.module.index()].preferred_base;
        let function = symbols.find(profile, block);
        let function = function.map(|function| {
            (demangle(&function.name), base.wrapping_add(block.offset).wrapping_sub(function.start))
        });
        TopBlock { block: *block, function }
    };
    order.into_iter().take(most).map(with_function).collect()
}

/// A name as its programmer wrote it.
#[must_use]
pub fn demangle(name: &str) -> String {
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        return format!("{rust:#}");
    }
    let symbol = name.starts_with("_Z").then(|| cpp_demangle::Symbol::new(name).ok()).flatten();
    symbol
        .and_then(|symbol| symbol.demangle(&cpp_demangle::DemangleOptions::default()).ok())
        .unwrap_or_else(|| name.to_owned())
}
