//! Where compiled code can be asked for its state, and what the state is there.

use midstride_asm::{Gpr, Xmm};

use crate::trap::Check;

/// What a site is in the life of its operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// The function was entered; parameters are locals.
    Entry,
    /// At the head of a loop.
    Loop,
    /// In the call: arguments are gone, results not there yet.
    Call,
    /// In a call of the runtime, operands still there.
    Runtime,
    /// Before an operator that traps, operands still there.
    Trap(Check),
}

/// Where a value is that is not in its home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Gpr(Gpr),
    Xmm(Xmm),
    Const(u64),
    /// It is the value of a local.
    Local(u32),
}

/// A site. Its code offset is that of the faulting instruction or of the return address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    pub(crate) code: u32,
    /// Offset of the operator in the module.
    pub(crate) wasm: u32,
    pub(crate) phase: Phase,
    /// How many operands there are.
    pub(crate) height: u32,
    /// Where its places start among all.
    places: u32,
}

/// The sites of a module, in the order of their code.
#[derive(Default, Debug)]
pub(crate) struct Sites {
    sites: Vec<Site>,
    /// Slots (locals, then operands) that are not in their homes, of one site behind the other.
    places: Vec<(u32, Place)>,
}

impl Sites {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.sites.clear();
        self.places.clear();
    }

    /// Begins a site; what is [placed](Self::place) next belongs to it.
    pub(crate) fn begin(&mut self, code: u32, wasm: u32, phase: Phase, height: u32) {
        let places = self.places.len() as u32;
        self.sites.push(Site { code, wasm, phase, height, places });
    }

    pub(crate) fn place(&mut self, slot: u32, place: Place) {
        self.places.push((slot, place));
    }

    /// Puts the sites of a function, written for offset 0, behind those so far.
    pub(crate) fn append(&mut self, function: &mut Self, at: u32) {
        let shift = self.places.len() as u32;
        function.sites.sort_by_key(|site| site.code);
        self.sites.extend(function.sites.iter().map(|site| Site {
            code: site.code + at,
            places: site.places + shift,
            ..*site
        }));
        self.places.append(&mut function.places);
        function.sites.clear();
    }

    /// The site at this code offset.
    pub(crate) fn at_code(&self, code: u32) -> Option<&Site> {
        let index = self.sites.binary_search_by_key(&code, |site| site.code).ok()?;
        Some(&self.sites[index])
    }

    /// Where a slot is at a site; `None` when it is at home.
    pub(crate) fn place_of(&self, site: &Site, slot: u32) -> Option<Place> {
        let behind = self.sites.partition_point(|other| other.code <= site.code);
        let end = self.sites.get(behind).map_or(self.places.len(), |next| next.places as usize);
        let places = &self.places[site.places as usize..end];
        places.iter().find(|(known, _)| *known == slot).map(|(_, place)| *place)
    }
}
