//! Look-ups for those who walk deep stacks: recursion asks for the same few sites again and again.

use alloc::vec::Vec;

use crate::canonical::Frame;
use crate::compact::error::MapError;
use crate::compact::module::{FunctionEntry, ModuleMap};
use crate::compact::read::CompactMap;
use crate::compact::resolve::{MachineValues, ResolveError};
use crate::compact::site::{Site, SiteState};

/// A site with everything that is known of it.
#[derive(Clone, Debug)]
pub struct Located<'a> {
    /// Its function.
    pub entry: FunctionEntry,
    /// The function's map.
    pub map: CompactMap<'a>,
    /// The site.
    pub site: Site,
    /// Where everything is.
    pub state: SiteState,
    /// What was asked for; cold code has other offsets than its site.
    code_offset: u32,
}

impl Located<'_> {
    /// The frame that stands here, as the canonical state has it.
    ///
    /// # Errors
    /// [`ResolveError`]: a value cannot be read.
    pub fn read_frame(&self, machine: &impl MachineValues) -> Result<Frame, ResolveError> {
        self.map.read_frame(self.entry.function, &self.site, &self.state, machine)
    }
}

/// Slots of a cache: a power of two.
const SLOTS: usize = 64;

/// Remembers the sites that were asked for last.
#[derive(Clone, Debug)]
pub struct SiteCache<'a> {
    map: ModuleMap<'a>,
    slots: Vec<Option<Located<'a>>>,
}

impl<'a> SiteCache<'a> {
    /// Nothing remembered yet.
    #[must_use]
    pub fn new(map: ModuleMap<'a>) -> Self {
        Self { map, slots: core::iter::repeat_with(|| None).take(SLOTS).collect() }
    }

    /// The site at this offset from the start of the module's code.
    ///
    /// # Errors
    /// [`MapError`]: the bytes on the way to it are no map.
    pub fn find(&mut self, code_offset: u32) -> Result<Option<&Located<'a>>, MapError> {
        // Fibonacci hashing: return addresses have no pattern but their alignment.
        let number = code_offset.wrapping_mul(0x9e37_79b9) >> (u32::BITS - SLOTS.ilog2());
        let slot = &mut self.slots[number as usize];
        if slot.as_ref().is_none_or(|known| known.code_offset != code_offset) {
            *slot = locate(&self.map, code_offset)?;
        }
        Ok(slot.as_ref())
    }
}

fn locate<'a>(map: &ModuleMap<'a>, code_offset: u32) -> Result<Option<Located<'a>>, MapError> {
    let Some((entry, map)) = map.at_code(code_offset)? else { return Ok(None) };
    let mut state = SiteState::default();
    let site = map.find_code(code_offset - entry.code_start, &mut state)?;
    Ok(site.map(|site| Located { entry, map, site, state, code_offset }))
}
