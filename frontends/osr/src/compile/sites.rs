//! Where compiled code can be asked for its state, and what the state is there.

use midstride_asm::{Gpr, Xmm};
use midstride_frame::Register;
use midstride_statemap::{
    BuildError, CompactMapBuilder, Condition, LocalChanges, Operand, Phase, Place, SiteKind, SiteView,
};

use super::function::Loc;
use super::pins::{PinSet, Pins};
use super::stack::Entry;
use crate::trap::Check;
use crate::types::ValType;

/// Instructions that fault are recorded by an offset inside them: where they start a call may return to.
pub(crate) const INSIDE: u32 = 1;

/// The note of sites in calls of the runtime: operands are still there, all at home.
pub(crate) const RUNTIME_NOTE: u8 = 0xff;

/// The note of sites that are there to be continued at: before an operator, all operands at home.
pub(crate) const RESUME_NOTE: u8 = 0xfe;

/// A place for values that the maps know.
pub(crate) fn gpr_place(reg: Gpr) -> Place {
    Register::gpr(reg.number()).map_or(Place::Home, Place::Register)
}

fn xmm_place(reg: Xmm) -> Place {
    Register::vector(reg.number()).map_or(Place::Home, Place::Register)
}

fn place(loc: Loc) -> Place {
    match loc {
        Loc::Home => Place::Home,
        Loc::Gpr(reg) => gpr_place(reg),
        Loc::Xmm(reg) => xmm_place(reg),
        Loc::Const(bits) => Place::Constant(bits),
        Loc::Local(local) => Place::Local(local),
        Loc::Flags(cond) => Condition::new(cond.code()).map_or(Place::Home, Place::Flags),
    }
}

/// The maps' name of a type.
pub(crate) fn map_type(ty: ValType) -> midstride_statemap::ValType {
    use midstride_statemap::ValType as Map;
    const TYPES: [Map; 7] = [Map::I32, Map::I64, Map::F32, Map::F64, Map::V128, Map::FuncRef, Map::ExternRef];
    TYPES[ty as usize]
}

/// The sites of the function that is compiled.
#[derive(Default, Debug)]
pub(crate) struct Sites {
    pub(crate) builder: CompactMapBuilder,
    /// Offset of the function's body in the module.
    body: u32,
    /// Locals that are only in registers: all at a site that wants all, otherwise those that changed.
    locals: Vec<(u32, Place)>,
    /// Those that were not at home at the last site.
    last: PinSet,
    /// The function's locals: how many of which type.
    groups: Vec<(u32, midstride_statemap::ValType)>,
    /// The first refusal.
    error: Option<BuildError>,
}

/// What is on the operand stack at a site, and how much of it from the bottom is as at the site before.
pub(crate) type Operands<'a> = (&'a [Entry], usize);

struct View<'a> {
    operands: Operands<'a>,
    locals: &'a [(u32, Place)],
    changes: LocalChanges<'a>,
}

impl SiteView for View<'_> {
    #[inline]
    fn operand_count(&self) -> u32 {
        self.operands.0.len() as u32
    }

    #[inline]
    fn unchanged_operands(&self) -> u32 {
        self.operands.1 as u32
    }

    #[inline]
    fn local_changes(&self) -> LocalChanges<'_> {
        self.changes
    }

    #[inline]
    fn operand(&self, index: u32) -> Operand {
        let Entry { ty, loc } = self.operands.0[index as usize];
        Operand { ty: map_type(ty), place: place(loc) }
    }

    #[inline]
    fn locals(&self) -> &[(u32, Place)] {
        self.locals
    }
}

impl Sites {
    /// Begins a function whose body starts at this offset of the module.
    pub(crate) fn start(&mut self, body: u32, parameters: usize, locals: &[ValType]) {
        self.groups.clear();
        self.groups.extend(locals.chunk_by(|a, b| a == b).map(|run| (run.len() as u32, map_type(run[0]))));
        self.builder.start(parameters as u32, &self.groups);
        (self.body, self.error) = (body, None);
        self.last = PinSet::EMPTY;
    }

    /// Records a site where all locals are at home; its number.
    pub(crate) fn at_home(&mut self, code: u32, wasm: u32, kind: SiteKind, operands: Operands<'_>) -> u32 {
        let changes = if self.last.is_empty() { LocalChanges::None } else { LocalChanges::AllHome };
        self.last = PinSet::EMPTY;
        self.record(code, wasm, kind, &View { operands, locals: &[], changes })
    }

    /// Records a check; its number. Of the pinned locals these are not at home.
    pub(crate) fn check(
        &mut self,
        code: u32,
        wasm: u32,
        check: Check,
        operands: Operands<'_>,
        (pins, dirty): (&Pins, PinSet),
    ) -> u32 {
        let mut locals = std::mem::take(&mut self.locals);
        locals.clear();
        let changes = if self.builder.wants_all() {
            locals.extend(pins.by_local(dirty).map(|(local, loc)| (local, place(loc))));
            LocalChanges::Unknown
        } else if dirty == self.last {
            LocalChanges::None
        } else {
            let place_now = |pin| if dirty.has(pin) { place(pins.loc(pin)) } else { Place::Home };
            locals.extend(dirty.differs(self.last).iter().map(|pin| (pins.local(pin), place_now(pin))));
            LocalChanges::These(&locals)
        };
        self.last = dirty;
        let kind = SiteKind { phase: Phase::Trap, note: check as u8 };
        let site = self.record(code, wasm, kind, &View { operands, locals: &locals, changes });
        self.locals = locals;
        site
    }

    fn record(&mut self, code: u32, wasm: u32, kind: SiteKind, view: &View<'_>) -> u32 {
        match self.builder.site(code, wasm - self.body, kind, view) {
            Ok(site) => site.index,
            Err(error) => self.fail(error),
        }
    }

    /// More code of a site.
    pub(crate) fn cold(&mut self, site: u32, code: u32) {
        if let Err(error) = self.builder.cold_code(site, code) {
            self.fail(error);
        }
    }

    /// Where a frame goes on that stands at a site.
    pub(crate) fn resume(&mut self, site: u32, code: u32) {
        if let Err(error) = self.builder.resume_at(site, code) {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: BuildError) -> u32 {
        self.error.get_or_insert(error);
        0
    }

    /// What was refused.
    pub(crate) fn finish(&mut self) -> Result<(), BuildError> {
        self.error.take().map_or(Ok(()), Err)
    }
}
