//! Compact maps.

use midstride_frame::Register;
use midstride_statemap::{
    BuildError, CompactMap, CompactMapBuilder, FunctionEntry, MachineValues, MapError, ModuleMap,
    ModuleMapBuilder, Operand, Phase, Place, ResolveError, SiteCache, SiteKind, SiteState, SiteView, Slot,
    ValType, Value,
};
use midstride_testkit::properties::{check, compact_map, statemap_bytes};

#[test]
fn what_was_recorded_is_found_again() {
    check(compact_map, 2048);
}

#[test]
fn any_bytes_are_judged_without_a_panic() {
    check(statemap_bytes, 512);
}

/// A cache that holds what it is given.
#[derive(Clone, Default)]
struct Cache {
    locals: Vec<(u32, Place)>,
    operands: Vec<Operand>,
}

impl Cache {
    fn operands(operands: &[(ValType, Place)]) -> Self {
        let operands = operands.iter().map(|&(ty, place)| Operand { ty, place }).collect();
        Self { operands, ..Self::default() }
    }

    fn locals(locals: &[(u32, Place)]) -> Self {
        Self { locals: locals.to_vec(), ..Self::default() }
    }
}

impl SiteView for Cache {
    fn operand_count(&self) -> u32 {
        self.operands.len() as u32
    }

    fn operand(&self, index: u32) -> Operand {
        self.operands[index as usize]
    }

    fn locals(&self) -> &[(u32, Place)] {
        &self.locals
    }
}

const ECX: (ValType, Place) = (ValType::I32, Place::Register(Register::RCX));
const HOME: (ValType, Place) = (ValType::I32, Place::Home);

/// Bytes of the second of two records: what a site costs after the first.
fn record_bytes(first: &Cache, second: &Cache) -> Vec<u8> {
    let build = |caches: &[&Cache]| {
        let mut builder = CompactMapBuilder::new();
        builder.start(0, &[(100, ValType::I32)]);
        for (n, cache) in (0..).zip(caches) {
            builder.site(8 + 20 * n, 2 + 5 * n, Phase::Trap, *cache).unwrap();
        }
        let mut bytes = Vec::new();
        builder.finish(0, &mut bytes);
        bytes
    };
    let one = build(&[first]).len();
    build(&[first, second])[one..].to_vec()
}

#[test]
fn the_usual_sites_cost_two_to_four_bytes() {
    let address = Cache::operands(&[ECX]);
    // Nothing changed; another register; spilled; one more.
    assert_eq!(record_bytes(&address, &address), [0xa3, 20]);
    let other = Cache::operands(&[(ValType::I32, Place::Register(Register::RDX))]);
    assert_eq!(record_bytes(&address, &other), [0xab, 20, 0x80, 0x02]);
    assert_eq!(record_bytes(&address, &Cache::operands(&[HOME])), [0xa7, 20, 0xa8]);
    assert_eq!(record_bytes(&address, &Cache::operands(&[ECX, ECX])), [0xa7, 20, 0x01]);
    let noted = |cache: &Cache| {
        let mut builder = CompactMapBuilder::new();
        builder.start(0, &[]);
        builder.site(8, 2, Phase::Trap, cache).unwrap();
        builder.site(28, 7, SiteKind { phase: Phase::Trap, note: 9 }, cache).unwrap();
        let mut bytes = Vec::new();
        builder.finish(0, &mut bytes);
        bytes[bytes.len() - 4..].to_vec()
    };
    assert_eq!(noted(&address), [0xa7, 20, 0xaa, 9]);
    // All locals go home with one byte, neighbours become zero with three.
    let locals: Vec<_> = (0..10).map(|local| (local, Place::Constant(0))).collect();
    assert_eq!(record_bytes(&Cache::locals(&locals), &Cache::default()), [0xa7, 20, 0xa7]);
    assert_eq!(record_bytes(&Cache::default(), &Cache::locals(&locals)), [0xa7, 20, 0xa9, 0, 10]);
}

#[test]
fn offsets_that_go_down_are_refused_and_change_nothing() {
    let mut builder = CompactMapBuilder::new();
    builder.start(0, &[]);
    builder.site(10, 10, Phase::Entry, &Cache::default()).unwrap();
    for (code_offset, wasm_offset) in [(9, 10), (10, 9)] {
        let error = builder.site(code_offset, wasm_offset, Phase::Trap, &Cache::default());
        assert_eq!(error, Err(BuildError::OutOfOrder { code_offset, wasm_offset, phase: Phase::Trap }));
    }
    assert_eq!(builder.site(10, 10, Phase::Trap, &Cache::default()).unwrap().index, 1);
    assert_eq!(builder.cold_code(2, 0), Err(BuildError::NoSuchSite { site: 2 }));
}

#[test]
fn places_a_type_does_not_have_are_refused() {
    let mut builder = CompactMapBuilder::new();
    builder.start(0, &[(1, ValType::F64), (1, ValType::I32)]);
    let rip = Place::Register(Register::RIP);
    let bad = [
        Cache::operands(&[(ValType::I32, rip)]),
        Cache::operands(&[(ValType::I32, Place::Constant(1 << 32))]),
        Cache::operands(&[(ValType::I32, Place::Local(0))]),
        Cache::operands(&[(ValType::F64, Place::Local(2))]),
        Cache::locals(&[(1, Place::Constant(1 << 32))]),
    ];
    for cache in &bad {
        let result = builder.site(0, 0, Phase::Entry, cache);
        assert!(matches!(result, Err(BuildError::BadPlace { .. })), "{result:?}");
    }
    for locals in [[(2, rip), (2, rip)], [(1, Place::Constant(1)), (0, Place::Constant(1))]] {
        let result = builder.site(0, 0, Phase::Entry, &Cache::locals(&locals));
        assert!(matches!(result, Err(BuildError::BadLocal { .. })), "{result:?}");
    }
    assert_eq!(builder.sites(), 0);
}

/// A machine whose registers hold 100 + number, and homes 1000 (locals) or 2000 (operands) + index.
struct Machine;

impl MachineValues for Machine {
    fn home(&self, slot: Slot, _: ValType) -> Option<u128> {
        Some(match slot {
            Slot::Local(index) => 1000 + u128::from(index),
            Slot::Operand(index) => 2000 + u128::from(index),
        })
    }

    fn register(&self, register: Register) -> Option<u128> {
        register.gpr_number().map(|number| 100 + u128::from(number))
    }

    fn flags(&self) -> Option<u64> {
        Some(0x40)
    }
}

#[test]
fn a_frame_is_read_from_homes_registers_constants_copies_and_flags() {
    let equal = midstride_statemap::Condition::new(4).unwrap();
    let mut cache = Cache::operands(&[
        HOME,
        ECX,
        (ValType::I64, Place::Constant(u64::MAX)),
        (ValType::I32, Place::Local(1)),
        (ValType::I32, Place::Flags(equal)),
        (ValType::FuncRef, Place::Constant(0)),
    ]);
    cache.locals = vec![(1, Place::Register(Register::RBX))];
    let mut builder = CompactMapBuilder::new();
    builder.start(1, &[(3, ValType::I32)]);
    builder.site(4, 9, Phase::Trap, &cache).unwrap();
    let mut bytes = Vec::new();
    builder.finish(0, &mut bytes);

    let map = CompactMap::parse(&bytes).unwrap();
    let mut state = SiteState::default();
    let site = map.find_wasm(9, Phase::Trap, &mut state).unwrap().unwrap();
    let frame = map.read_frame(7, &site, &state, &Machine).unwrap();
    assert_eq!((frame.function, frame.wasm_offset, frame.phase), (7, 9, Phase::Trap));
    assert_eq!(frame.locals, [Value::I32(1000), Value::I32(103), Value::I32(1002)]);
    let expected = [
        Value::I32(2000),
        Value::I32(101),
        Value::I64(-1),
        Value::I32(103),
        Value::I32(1),
        Value::FuncRef(None),
    ];
    assert_eq!(frame.operands, expected);
}

#[test]
fn a_value_that_cannot_be_read_is_named() {
    let xmm3 = Place::Register(Register::vector(3).unwrap());
    let mut builder = CompactMapBuilder::new();
    builder.start(0, &[]);
    let site = builder.site(0, 0, Phase::Entry, &Cache::operands(&[(ValType::F64, xmm3)])).unwrap();
    let mut bytes = Vec::new();
    builder.finish(0, &mut bytes);
    let map = CompactMap::parse(&bytes).unwrap();
    let mut state = SiteState::default();
    map.site(0, &mut state).unwrap();
    let error = map.read_frame(0, &site, &state, &Machine).unwrap_err();
    assert_eq!(error, ResolveError::Unreadable { slot: Slot::Operand(0), place: xmm3 });
}

#[test]
fn bytes_behind_a_map_are_refused() {
    let mut builder = CompactMapBuilder::new();
    builder.start(0, &[]);
    let mut bytes = Vec::new();
    builder.finish(0, &mut bytes);
    let offset = bytes.len() as u32;
    bytes.push(0);
    assert_eq!(CompactMap::parse(&bytes).unwrap_err(), MapError::TrailingBytes { offset });
    for len in 0..bytes.len() - 1 {
        assert!(CompactMap::parse(&bytes[..len]).is_err(), "{len}");
    }
}

#[test]
fn a_cache_finds_what_the_map_has() {
    let mut function = CompactMapBuilder::new();
    let mut module = ModuleMapBuilder::new();
    for number in 0..5 {
        function.start(0, &[]);
        for site in 0..40 {
            function
                .site(site * 5, site, Phase::Call, &Cache::operands(&vec![HOME; site as usize % 7]))
                .unwrap();
        }
        function.cold_code(3, 240).unwrap();
        let code_start = number * 256;
        let entry =
            FunctionEntry { function: number, code_start, code_end: code_start + 250, body_offset: 0 };
        module.push(entry, &mut function, 0).unwrap();
    }
    let bytes = module.finish();
    let map = ModuleMap::parse(&bytes).unwrap();
    assert_eq!(map.validate(), Ok(()));
    let mut cache = SiteCache::new(map);
    let mut state = SiteState::default();
    // Each offset twice, neighbours in between: what was remembered is what is asked for.
    for offset in (0..1400).flat_map(|offset| [offset, offset + 1]) {
        let found = cache.find(offset).unwrap();
        let (entry, function) = map.at_code(offset).unwrap().unzip();
        let start = entry.map_or(0, |entry| entry.code_start);
        let site = function.and_then(|map| map.find_code(offset - start, &mut state).unwrap());
        assert_eq!(found.map(|found| (found.entry, found.site)), entry.zip(site));
        if let Some(found) = found {
            assert_eq!(found.state, state);
            assert_eq!(found.read_frame(&Machine).unwrap().operands.len(), found.site.index as usize % 7);
        }
    }
}
