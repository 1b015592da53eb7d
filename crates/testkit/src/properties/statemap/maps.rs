//! Compact maps against a list of what was recorded.

use arbitrary::{Result, Unstructured};
use midstride_statemap::{
    CompactMap, CompactMapBuilder, Condition, LocalChanges, Operand, Phase, Place, Site, SiteKind, SiteState,
    SiteView, ValType,
};

/// A compiler's state, kept in the plainest way.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    locals: Vec<(u32, Place)>,
    operands: Vec<Operand>,
    unchanged: u32,
    /// Locals that have another place than before, where count is kept of them.
    changes: Option<Vec<(u32, Place)>>,
}

impl SiteView for Model {
    fn operand_count(&self) -> u32 {
        self.operands.len() as u32
    }

    fn unchanged_operands(&self) -> u32 {
        self.unchanged
    }

    fn operand(&self, index: u32) -> Operand {
        self.operands[index as usize]
    }

    fn local_changes(&self) -> LocalChanges<'_> {
        match &self.changes {
            None => LocalChanges::Unknown,
            Some(changes) if changes.is_empty() => LocalChanges::None,
            Some(_) if self.locals.is_empty() => LocalChanges::AllHome,
            Some(changes) => LocalChanges::These(changes),
        }
    }

    fn locals(&self) -> &[(u32, Place)] {
        &self.locals
    }
}

/// What was told to the builder.
#[derive(Debug, Default)]
struct Recorded {
    sites: Vec<(Site, Model)>,
    cold: Vec<(u32, u32)>,
    resumes: Vec<(u32, u32)>,
}

/// A function's sites are found again by number, by code offset and by wasm offset, with their states.
pub fn compact_map(u: &mut Unstructured<'_>) -> Result<()> {
    let groups: Vec<(u32, ValType)> = (0..u.int_in_range(0..=3)?)
        .map(|_| Ok((u.int_in_range(0..=40)?, *u.choose(&ValType::ALL)?)))
        .collect::<Result<_>>()?;
    let types: Vec<ValType> =
        groups.iter().flat_map(|(count, ty)| std::iter::repeat_n(*ty, *count as usize)).collect();
    let mut builder = CompactMapBuilder::new();
    builder.start(types.len().min(2) as u32, &groups);
    let recorded = record(u, &types, &mut builder)?;
    let mut bytes = Vec::new();
    builder.finish(0x40, &mut bytes);

    let map = CompactMap::parse(&bytes).expect("it was just written");
    map.validate().expect("it was just written");
    assert_eq!(map.locals() as usize, types.len());
    assert!((0..).zip(&types).all(|(local, ty)| map.local_type(local) == Some(*ty)));
    judge(&map, &recorded);
    Ok(())
}

fn record(u: &mut Unstructured<'_>, types: &[ValType], builder: &mut CompactMapBuilder) -> Result<Recorded> {
    let mut recorded = Recorded::default();
    let (mut code, mut wasm, mut model) = (0, 0, Model::default());
    let counts: bool = u.arbitrary()?;
    while !u.is_empty() && recorded.sites.len() < 100 {
        code += delta(u)?;
        wasm += delta(u)?;
        let before = model.locals.clone();
        change(u, types, &mut model)?;
        model.changes = counts.then(|| differences(&before, &model.locals));
        let phase = *u.choose(&Phase::ALL)?;
        let note = *u.choose(&[0, 0, 0, 7])?;
        let site =
            builder.site(code, wasm, SiteKind { phase, note }, &model).expect("it is in order and possible");
        model.unchanged = model.operands.len() as u32;
        recorded.sites.push((site, model.clone()));
        // Cold code lies behind all sites; every code offset belongs to one site.
        if u.ratio(1, 8)? {
            let offset = 0x8000_0000 + recorded.cold.len() as u32 * 7;
            builder.cold_code(site.index, offset).expect("it was recorded");
            recorded.cold.push((offset, site.index));
        }
        if u.ratio(1, 8)? {
            builder.resume_at(site.index, code ^ 1).expect("it was recorded");
            recorded.resumes.push((site.index, code ^ 1));
        }
    }
    Ok(recorded)
}

/// The locals that are elsewhere now, and where.
fn differences(before: &[(u32, Place)], now: &[(u32, Place)]) -> Vec<(u32, Place)> {
    let gone = before.iter().filter(|(local, _)| now.iter().all(|(other, _)| other != local));
    let moved = now.iter().filter(|entry| !before.contains(entry));
    gone.map(|(local, _)| (*local, Place::Home)).chain(moved.copied()).collect()
}

fn delta(u: &mut Unstructured<'_>) -> Result<u32> {
    let largest = *u.choose(&[0, 6, 7, 200, 0x2_0000])?;
    u.int_in_range(0..=largest)
}

fn change(u: &mut Unstructured<'_>, types: &[ValType], model: &mut Model) -> Result<()> {
    if u.ratio(1, 6)? {
        model.operands.iter_mut().for_each(|operand| operand.place = Place::Home);
        model.unchanged = 0;
    }
    let keep = model.operands.len().saturating_sub(u.int_in_range(0..=3)?);
    model.operands.truncate(keep);
    model.unchanged = model.unchanged.min(keep as u32);
    for _ in 0..u.int_in_range(0..=3)? {
        let operand = operand(u, types)?;
        model.operands.push(operand);
    }
    if u.ratio(1, 6)? {
        model.locals.clear();
    }
    for _ in 0..u.int_in_range(0..=2)? {
        change_local(u, types, model)?;
    }
    Ok(())
}

fn operand(u: &mut Unstructured<'_>, types: &[ValType]) -> Result<Operand> {
    if !types.is_empty() && u.ratio(1, 4)? {
        let local = u.choose_index(types.len())?;
        return Ok(Operand { ty: types[local], place: Place::Local(local as u32) });
    }
    if u.ratio(1, 16)? {
        let condition = Condition::new(u.int_in_range(0..=15)?).expect("below 16");
        return Ok(Operand { ty: ValType::I32, place: Place::Flags(condition) });
    }
    let ty = *u.choose(&ValType::ALL)?;
    Ok(Operand { ty, place: place(u, ty)? })
}

fn place(u: &mut Unstructured<'_>, ty: ValType) -> Result<Place> {
    let gpr = |n| Place::Register(midstride_frame::Register::gpr(n).expect("below 16"));
    let vector = |n| Place::Register(midstride_frame::Register::vector(n).expect("below 16"));
    let bits: u64 = u.arbitrary()?;
    let bits = if ty.bytes() == 4 { bits & u64::from(u32::MAX) } else { bits };
    Ok(match u.int_in_range(0..=4)? {
        0 => gpr(u.int_in_range(0..=15)?),
        1 => vector(u.int_in_range(0..=15)?),
        2 => Place::Constant(bits),
        3 => Place::Constant(0),
        _ => Place::Home,
    })
}

fn change_local(u: &mut Unstructured<'_>, types: &[ValType], model: &mut Model) -> Result<()> {
    if types.is_empty() {
        return Ok(());
    }
    let index = u.choose_index(types.len())? as u32;
    let place = place(u, types[index as usize])?;
    model.locals.retain(|(local, _)| *local != index);
    if place != Place::Home {
        let at = model.locals.partition_point(|(local, _)| *local < index);
        model.locals.insert(at, (index, place));
    }
    Ok(())
}

fn judge(map: &CompactMap<'_>, recorded: &Recorded) {
    let (mut state, mut walked) = (SiteState::default(), SiteState::default());
    let mut sites = map.sites();
    for (site, model) in &recorded.sites {
        assert_eq!(sites.advance(&mut walked), Ok(Some(*site)));
        same(&walked, model);
        assert_eq!(map.site(site.index, &mut state), Ok(Some(*site)));
        same(&state, model);
        let first = |wanted: &dyn Fn(&Site) -> bool| recorded.sites.iter().find(|(site, _)| wanted(site));
        let by_code = first(&|other| other.code_offset == site.code_offset).expect("it is one");
        assert_eq!(map.find_code(site.code_offset, &mut state), Ok(Some(by_code.0)));
        same(&state, &by_code.1);
        let key = |site: &Site| (site.wasm_offset, site.phase);
        let by_wasm = first(&|other| key(other) == key(site)).expect("it is one");
        assert_eq!(map.find_wasm(site.wasm_offset, site.phase, &mut state), Ok(Some(by_wasm.0)));
        same(&state, &by_wasm.1);
        let resume = recorded.resumes.iter().find(|(index, _)| *index == site.index);
        assert_eq!(map.resume_offset(site), resume.map_or(site.code_offset, |(_, offset)| *offset));
    }
    assert_eq!(sites.advance(&mut state), Ok(None));
    for (offset, index) in &recorded.cold {
        let (site, model) = &recorded.sites[*index as usize];
        assert_eq!(map.find_code(*offset, &mut state), Ok(Some(*site)));
        same(&state, model);
    }
    assert_eq!(map.find_code(0x7fff_ffff, &mut state), Ok(None));
}

fn same(state: &SiteState, model: &Model) {
    assert_eq!(state.locals(), model.locals);
    assert_eq!(state.operands(), model.operands);
}
