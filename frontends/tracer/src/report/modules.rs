//! Modules over all processes: one for each file, wherever the processes mapped it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::elf::Facts;

/// A file with code, or a piece of anonymous memory that held code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its path; `[vdso]` and `[anonymous]` for what has none.
    pub path: PathBuf,
    /// Where the first process that mapped it had it.
    pub base: u64,
    /// Bytes from its base to its end.
    pub span: u64,
    /// Its entry point, from its base; 0 when it has none.
    pub entry: u64,
    /// Bytes of its code; 0 when unknown.
    pub executable_bytes: u64,
    /// The address its base has in the file's own numbering (0 for position-independent files).
    pub preferred_base: u64,
    pub(crate) facts: Option<Facts>,
}

/// Index into the modules of a report.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ModuleId(pub(crate) u32);

impl ModuleId {
    /// The index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Module {
    /// The last part of its path.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

/// A mapping, as a process recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) module: ModuleId,
    /// What to subtract from an address to get its offset from the module's base.
    pub(super) bias: u64,
    pub(super) since_block: u32,
    pub(super) until_block: u32,
}

/// All modules seen so far.
#[derive(Default)]
pub(super) struct ModuleSet {
    pub(super) modules: Vec<Module>,
    by_path: HashMap<PathBuf, ModuleId>,
    anonymous: HashMap<u64, ModuleId>,
}

/// A recorded mapping before its module is known.
#[derive(Clone, Copy)]
pub(super) struct Region<'p> {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) file_offset: u64,
    /// Empty for anonymous memory.
    pub(super) path: &'p Path,
}

impl ModuleSet {
    /// The module of a mapping, and the bias of addresses in it.
    pub(super) fn place(&mut self, region: Region<'_>) -> (ModuleId, u64) {
        if region.path.as_os_str().is_empty() {
            return (self.place_anonymous(region), region.start);
        }
        let known = self.by_path.get(region.path).copied();
        let facts = match known {
            Some(id) => self.modules[id.index()].facts.clone(),
            None => Facts::read(region.path),
        };
        let address = facts.as_ref().and_then(|facts| facts.address_of(region.file_offset));
        let from_base = match (&facts, address) {
            (Some(facts), Some(address)) => address.wrapping_sub(facts.base()),
            _ => region.file_offset,
        };
        let bias = region.start.wrapping_sub(from_base);
        let end = region.end.wrapping_sub(bias);
        let id = known.unwrap_or_else(|| self.insert(region.path, bias, facts));
        let module = &mut self.modules[id.index()];
        module.span = module.span.max(end);
        (id, bias)
    }

    fn insert(&mut self, path: &Path, base: u64, facts: Option<Facts>) -> ModuleId {
        let id = ModuleId(self.modules.len() as u32);
        let of_facts = |value: fn(&Facts) -> u64| facts.as_ref().map_or(0, value);
        self.modules.push(Module {
            path: path.to_owned(),
            base,
            span: of_facts(Facts::span),
            entry: of_facts(|facts| facts.entry.saturating_sub(facts.base())),
            executable_bytes: of_facts(|facts| facts.executable_bytes),
            preferred_base: of_facts(Facts::base),
            facts,
        });
        self.by_path.insert(path.to_owned(), id);
        id
    }

    fn place_anonymous(&mut self, region: Region<'_>) -> ModuleId {
        let next = ModuleId(self.modules.len() as u32);
        let id = *self.anonymous.entry(region.start).or_insert(next);
        if id == next {
            let path = PathBuf::from("[anonymous]");
            let (executable_bytes, preferred_base) = (0, region.start);
            let base = region.start;
            self.modules.push(Module {
                path,
                base,
                span: 0,
                entry: 0,
                executable_bytes,
                preferred_base,
                facts: None,
            });
        }
        let module = &mut self.modules[id.index()];
        module.span = module.span.max(region.end.saturating_sub(region.start));
        id
    }
}
