//! Records a function's sites while its code is written.

use alloc::vec::Vec;

use crate::compact::diff::{self, LocalChanges, Plan, SiteView};
use crate::compact::error::BuildError;
use crate::compact::header::{Header, SITES_PER_KEY, Triple};
use crate::compact::ops::{self, Locals};
use crate::compact::site::{Operand, Place, Site, SiteKind, SiteState, Slot};
use crate::value::ValType;
use crate::varint;

/// Records the sites of one function after the other; memory is kept from one to the next.
///
/// ```
/// use midstride_frame::Register;
/// use midstride_statemap::{CompactMap, CompactMapBuilder, Operand, Phase, Place, SiteState, SiteView, ValType};
///
/// struct Cache(Vec<Operand>);
/// impl SiteView for Cache {
///     fn operand_count(&self) -> u32 { self.0.len() as u32 }
///     fn operand(&self, index: u32) -> Operand { self.0[index as usize] }
///     fn locals(&self) -> &[(u32, Place)] { &[] }
/// }
///
/// // (func (param i32) ... i32.load ...) with the address in rcx.
/// let mut builder = CompactMapBuilder::new();
/// builder.start(1, &[(1, ValType::I32)]);
/// builder.site(0x0b, 1, Phase::Entry, &Cache(vec![]))?;
/// let address = Operand { ty: ValType::I32, place: Place::Register(Register::RCX) };
/// builder.site(0x12, 3, Phase::Trap, &Cache(vec![address]))?;
/// let mut bytes = Vec::new();
/// builder.finish(0x30, &mut bytes);
///
/// let map = CompactMap::parse(&bytes)?;
/// let mut state = SiteState::default();
/// let site = map.find_code(0x12, &mut state)?.expect("it was recorded");
/// assert_eq!((site.wasm_offset, site.phase), (3, Phase::Trap));
/// assert_eq!(state.operands(), [address]);
/// assert_eq!(state.local(0), Place::Home);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CompactMapBuilder {
    parameters: u32,
    groups: Vec<(u32, ValType)>,
    /// The types of the first locals.
    near: Vec<ValType>,
    sites: u32,
    last: (u32, u32),
    /// As at the last site.
    recorded: SiteState,
    stream: Vec<u8>,
    index: Vec<Triple>,
    cold: Vec<(u32, u32)>,
    resumes: Vec<(u32, u32)>,
    /// Operands of the site at hand, from the first one that may have changed.
    now: Vec<Operand>,
}

/// Locals whose type is at hand without a search.
const NEAR: usize = 256;

/// What a site changes.
#[derive(Clone, Copy)]
struct Change<'v> {
    plan: Plan,
    /// How many of the operands at hand are recorded already.
    known: usize,
    locals: LocalChanges<'v>,
}

impl CompactMapBuilder {
    /// No function yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a function with these locals as (count, type), parameters first. What was recorded and not
    /// finished is forgotten.
    pub fn start(&mut self, parameters: u32, locals: &[(u32, ValType)]) {
        self.parameters = parameters;
        self.groups.clear();
        self.near.clear();
        let mut end = 0;
        for &(count, ty) in locals.iter().filter(|(count, _)| *count > 0) {
            end += count;
            self.groups.push((end, ty));
            self.near.resize(NEAR.min(end as usize), ty);
        }
        self.sites = 0;
        self.last = (0, 0);
        self.recorded.clear();
        self.stream.clear();
        self.index.clear();
        self.cold.clear();
        self.resumes.clear();
    }

    /// Records a site and says its number. Code and wasm offsets never go down from one site to the next;
    /// several sites may have the same of one or both.
    ///
    /// # Errors
    /// [`BuildError`]: out of order, or a place that its type does not have.
    pub fn site(
        &mut self,
        code_offset: u32,
        wasm_offset: u32,
        kind: impl Into<SiteKind>,
        view: &impl SiteView,
    ) -> Result<Site, BuildError> {
        let SiteKind { phase, note } = kind.into();
        if code_offset < self.last.0 || wasm_offset < self.last.1 {
            return Err(BuildError::OutOfOrder { code_offset, wasm_offset, phase });
        }
        let key = self.wants_all();
        let change = self.change(view, key);
        self.check(view, change)?;
        if key {
            self.start_key(code_offset, wasm_offset);
        }
        let [code, wasm] = [code_offset - self.last.0, wasm_offset - self.last.1];
        self.put_record([code, wasm], SiteKind { phase, note }, view, change);
        self.last = (code_offset, wasm_offset);
        self.sites += 1;
        Ok(Site { index: self.sites - 1, code_offset, wasm_offset, phase, note })
    }

    /// Other code that belongs to a site, like the out-of-line end of a check. Any order; one site may
    /// have many.
    ///
    /// # Errors
    /// [`BuildError::NoSuchSite`].
    pub fn cold_code(&mut self, site: u32, code_offset: u32) -> Result<(), BuildError> {
        self.known(site)?;
        self.cold.push((code_offset, site));
        Ok(())
    }

    /// Where a frame that continues at a site enters the code, when that is not the site's own offset.
    ///
    /// # Errors
    /// [`BuildError::NoSuchSite`].
    pub fn resume_at(&mut self, site: u32, code_offset: u32) -> Result<(), BuildError> {
        self.known(site)?;
        self.resumes.push((site, code_offset));
        Ok(())
    }

    /// Ends the function and appends its map. `frame_bytes` is the compiler's to define.
    pub fn finish(&mut self, frame_bytes: u32, out: &mut Vec<u8>) {
        self.cold.sort_unstable();
        self.resumes.sort_unstable();
        self.resumes.dedup_by_key(|(site, _)| *site);
        let header = Header {
            frame_bytes,
            parameters: self.parameters,
            sites: self.sites,
            stream: self.stream.len() as u32,
            tables: [self.index.len() as u32, self.cold.len() as u32, self.resumes.len() as u32],
        };
        header.put(out, &self.groups, &self.index, [&self.cold, &self.resumes]);
        out.extend_from_slice(&self.stream);
    }

    /// Whether the next site is recorded as a whole: one that look-ups start from.
    #[must_use]
    pub fn wants_all(&self) -> bool {
        self.sites.is_multiple_of(SITES_PER_KEY)
    }

    /// How many sites were recorded.
    #[must_use]
    pub fn sites(&self) -> u32 {
        self.sites
    }

    fn known(&self, site: u32) -> Result<(), BuildError> {
        if site < self.sites { Ok(()) } else { Err(BuildError::NoSuchSite { site }) }
    }

    /// What is different from the site before; at a key everything that is not at home.
    fn change<'v>(&mut self, view: &'v impl SiteView, key: bool) -> Change<'v> {
        let count = view.operand_count();
        let recorded = if key { &[] } else { &*self.recorded.operands };
        let first = view.unchanged_operands().min(count).min(recorded.len() as u32);
        self.now.clear();
        (first..count).for_each(|index| self.now.push(view.operand(index)));
        let plan = diff::plan(recorded, first, &self.now);
        let known = || if key { &[] } else { &*self.recorded.locals };
        let locals = match view.local_changes() {
            changes if !key && changes != LocalChanges::Unknown => changes,
            _ if known() == view.locals() => LocalChanges::None,
            _ => LocalChanges::Unknown,
        };
        Change { plan, known: (plan.keep - first) as usize, locals }
    }

    /// Everything that could be refused and was not looked at before; nothing is changed yet.
    #[inline]
    fn check(&self, view: &impl SiteView, change: Change<'_>) -> Result<(), BuildError> {
        match change.locals {
            LocalChanges::Unknown => self.check_locals(view.locals())?,
            LocalChanges::These(changes) => {
                changes.iter().try_for_each(|change| self.check_local(*change))?;
            }
            LocalChanges::None | LocalChanges::AllHome => {}
        }
        for (index, &Operand { ty, place }) in (change.plan.keep..).zip(&self.now[change.known..]) {
            let fits = match place {
                Place::Local(local) => self.type_of(local) == Some(ty),
                place => ops::operand_fits(ty, place),
            };
            if !fits {
                return Err(BuildError::BadPlace { slot: Slot::Operand(index), ty });
            }
        }
        Ok(())
    }

    fn type_of(&self, local: u32) -> Option<ValType> {
        match self.near.get(local as usize) {
            Some(ty) => Some(*ty),
            None => Locals { groups: &self.groups }.ty(local),
        }
    }

    fn check_local(&self, (local, place): (u32, Place)) -> Result<(), BuildError> {
        let ty = self.type_of(local).ok_or(BuildError::BadLocal { local })?;
        if ops::local_fits(ty, place) {
            Ok(())
        } else {
            Err(BuildError::BadPlace { slot: Slot::Local(local), ty })
        }
    }

    fn check_locals(&self, locals: &[(u32, Place)]) -> Result<(), BuildError> {
        let mut next = 0;
        for &(local, place) in locals {
            if local < next {
                return Err(BuildError::BadLocal { local });
            }
            self.check_local((local, place))?;
            next = local + 1;
        }
        Ok(())
    }

    fn start_key(&mut self, code: u32, wasm: u32) {
        self.index.push([code, wasm, self.stream.len() as u32]);
        self.recorded.clear();
        self.last = (code, wasm);
    }

    fn put_record(&mut self, offsets: [u32; 2], kind: SiteKind, view: &impl SiteView, change: Change<'_>) {
        let [code, wasm] = offsets;
        let out = &mut self.stream;
        let head = out.len();
        out.push(kind.phase.to_byte() | (wasm.min(7) as u8) << 5);
        varint::put(out, u64::from(code));
        let behind = out.len();
        if let Some(rest) = wasm.checked_sub(7) {
            varint::put(out, u64::from(rest));
        }
        let steps = self.put_steps(kind.note, view, change);
        self.stream[head] |= (steps.min(7) as u8) << 2;
        if let Some(rest) = steps.checked_sub(7) {
            self.put_number_at(behind, rest);
        }
    }

    /// Puts a number into the stream before what is there from `at` on.
    fn put_number_at(&mut self, at: usize, number: u32) {
        let end = self.stream.len();
        varint::put(&mut self.stream, u64::from(number));
        let bytes = self.stream.len() - end;
        self.stream[at..].rotate_right(bytes);
    }

    fn put_steps(&mut self, note: u8, view: &impl SiteView, change: Change<'_>) -> u32 {
        let Self { recorded, stream, now, .. } = self;
        let mut count = ops::note(stream, note);
        count += match change.locals {
            LocalChanges::Unknown => diff::locals(recorded, view.locals(), stream),
            LocalChanges::These(changes) => diff::these(changes, stream),
            LocalChanges::AllHome => diff::all_home(stream),
            LocalChanges::None => 0,
        };
        count + diff::operands(&mut recorded.operands, change.plan, &now[change.known..], stream)
    }
}
