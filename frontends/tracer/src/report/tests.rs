//! Facts about merged reports, from made-up channels.

use midstride_tracer_abi::{self as abi, Partial};

use super::fake::{FakeChannel, FakeSlot, block, module};
use super::filter::Filter;
use super::profile::{Block, ProcessEnd, Profile};
use super::{by_function, by_module, top_blocks, total, totals::Symbols};
use crate::options::Mode;

/// A file that is no ELF file, so that offsets are file offsets.
const FILE: &str = "/proc/self/environ-that-does-not-exist";
const BASE: u64 = 0x5555_0000_0000;

fn one_process(blocks: &[abi::Block]) -> FakeChannel {
    let mut channel = FakeChannel::new();
    channel.slot(FakeSlot::process(0));
    channel.modules(0, 0, &[(module(BASE, 0x1000), FILE)]);
    channel.blocks(0, 0, blocks);
    channel
}

fn places(profile: &Profile) -> Vec<(u32, u64, u64)> {
    let place = |block: &Block| (block.module.0, block.offset, block.entered);
    profile.blocks.iter().map(place).collect()
}

#[test]
fn an_empty_channel_is_an_empty_profile() {
    let profile = FakeChannel::new().profile(Mode::Cov, Filter::default());
    assert!(profile.blocks.is_empty() && profile.processes.is_empty());
    assert_eq!((profile.lost, profile.homeless), (0, 0));
}

#[test]
fn blocks_lie_at_their_file_offset_when_the_file_is_no_elf() {
    let profile = one_process(&[block(BASE + 0x20, 8, 2)]).profile(Mode::Cov, Filter::default());
    assert_eq!(places(&profile), [(0, 0x1020, 0)]);
    assert_eq!(profile.modules[0].base, BASE - 0x1000);
}

#[test]
fn counters_of_all_threads_add_up() {
    let mut channel = one_process(&[block(BASE, 8, 3), block(BASE + 8, 4, 1)]);
    channel.slot(FakeSlot::thread(1, 0));
    channel.births(0, 1);
    channel.counters(0, &[10, 1]);
    channel.counters(1, &[5, 0]);
    let profile = channel.profile(Mode::Count, Filter::default());
    assert_eq!(places(&profile), [(0, 0x1000, 15), (0, 0x1008, 1)]);
    assert_eq!(profile.processes.len(), 1);
    assert_eq!((profile.processes[0].threads, profile.processes[0].instructions), (2, 15 * 3 + 1));
}

#[test]
fn what_a_cut_short_block_did_not_run_is_taken_off() {
    let channel = one_process(&[block(BASE, 12, 4)]);
    channel.counters(0, &[10]);
    channel.partials(0, &[Partial { block: 0, insns: 1, times: 2, bytes: 3 }]);
    let profile = channel.profile(Mode::Count, Filter::default());
    assert_eq!((profile.blocks[0].entered, profile.blocks[0].executed), (10, 10 * 4 - 2 * 3));
    assert_eq!(profile.blocks[0].executed_bytes, 12, "eight entries ran to the end");
    assert_eq!(profile.processes[0].instructions, 34);
}

#[test]
fn a_block_that_never_ran_whole_covers_what_it_ran() {
    let channel = one_process(&[block(BASE, 12, 4)]);
    channel.counters(0, &[2]);
    let cut = |insns, times, bytes| Partial { block: 0, insns, times, bytes };
    channel.partials(0, &[cut(1, 1, 3), cut(2, 1, 5)]);
    for mode in [Mode::Count, Mode::Cov] {
        let profile = channel.profile(mode, Filter::default());
        assert_eq!(profile.blocks[0].executed_bytes, 5, "{mode:?}");
    }
}

#[test]
fn a_block_built_again_after_it_was_cut_short_ran_whole() {
    let channel = one_process(&[block(BASE, 12, 4), block(BASE, 12, 4)]);
    channel.partials(0, &[Partial { block: 0, insns: 1, times: 1, bytes: 3 }]);
    let profile = channel.profile(Mode::Cov, Filter::default());
    assert_eq!(profile.blocks[0].executed_bytes, 12);
}

#[test]
fn a_block_that_did_not_run_an_instruction_is_not_covered() {
    let channel = one_process(&[block(BASE, 12, 4)]);
    channel.partials(0, &[Partial { block: 0, insns: 0, times: 1, bytes: 0 }]);
    let profile = channel.profile(Mode::Cov, Filter::default());
    assert_eq!(total(&by_module(&profile)).blocks, 0);
}

#[test]
fn a_forked_child_counts_its_parents_blocks_and_its_own() {
    let mut channel = one_process(&[block(BASE, 8, 2), block(BASE + 8, 8, 2)]);
    let (inherited_blocks, inherited_modules) = (2, 1);
    channel.slot(FakeSlot {
        parent: 0,
        forked: 1,
        inherited_blocks,
        inherited_modules,
        ..FakeSlot::process(1)
    });
    channel.modules(1, 1, &[]);
    channel.blocks(1, 2, &[block(BASE + 16, 4, 1)]);
    channel.counters(0, &[1, 1]);
    channel.counters(1, &[0, 7, 3]);
    let profile = channel.profile(Mode::Count, Filter::default());
    assert_eq!(places(&profile), [(0, 0x1000, 1), (0, 0x1008, 8), (0, 0x1010, 3)]);
    assert_eq!(profile.processes[1].instructions, 7 * 2 + 3);
    assert_eq!(profile.processes[1].program, "/bin/first", "a fork runs its parent's program");
    assert_eq!(profile.processes[1].parent, Some(0));
}

#[test]
fn an_execed_child_has_its_own_blocks_only() {
    let mut channel = one_process(&[block(BASE, 8, 2)]);
    channel.slot(FakeSlot { parent: 0, ..FakeSlot::process(1) });
    channel.modules(1, 0, &[(module(BASE + 0x10_0000, 0x1000), FILE)]);
    channel.blocks(1, 0, &[block(BASE + 0x10_0000, 8, 2)]);
    let profile = channel.profile(Mode::Cov, Filter::default());
    assert_eq!(places(&profile), [(0, 0x1000, 0)], "the same place of the same file at another address");
}

#[test]
fn a_module_mapped_where_another_was_takes_over_from_its_first_block() {
    let mut channel = FakeChannel::new();
    channel.slot(FakeSlot::process(0));
    let first = abi::Module { until_block: 1, ..module(BASE, 0) };
    let second = abi::Module { since_block: 1, ..module(BASE, 0) };
    channel.modules(0, 0, &[(first, "/no/first"), (second, "/no/second")]);
    channel.blocks(0, 0, &[block(BASE, 4, 1), block(BASE, 4, 1)]);
    let profile = channel.profile(Mode::Cov, Filter::default());
    assert_eq!(places(&profile), [(0, 0, 0), (1, 0, 0)]);
}

#[test]
fn anonymous_code_is_a_module_of_its_own() {
    let mut channel = FakeChannel::new();
    channel.slot(FakeSlot::process(0));
    channel.modules(0, 0, &[(module(BASE, 0), ""), (module(BASE + 0x10_0000, 0), "")]);
    channel.blocks(0, 0, &[block(BASE + 0x10, 4, 1), block(BASE + 0x10_0010, 4, 1)]);
    let profile = channel.profile(Mode::Cov, Filter::default());
    assert_eq!(places(&profile), [(0, 0x10, 0), (1, 0x10, 0)]);
    assert_eq!(
        (profile.modules[0].name().as_str(), profile.modules[1].base),
        ("[anonymous]", BASE + 0x10_0000)
    );
}

#[test]
fn filtered_modules_leave_no_blocks_and_no_counts() {
    let channel = one_process(&[block(BASE, 8, 3)]);
    channel.counters(0, &[10]);
    let filter = Filter { include: Vec::new(), exclude: vec!["environ*".to_owned()] };
    let profile = channel.profile(Mode::Count, filter);
    assert!(profile.blocks.is_empty() && profile.modules.is_empty());
    assert_eq!((profile.processes[0].instructions, profile.homeless), (0, 0));
}

#[test]
fn blocks_find_their_modules_when_others_are_filtered_out() {
    let mut channel = FakeChannel::new();
    channel.slot(FakeSlot::process(0));
    let paths = ["/no/a", "/no/b", "/no/c"];
    let modules: Vec<_> =
        (0..).zip(paths).map(|(at, path)| (module(BASE + at * 0x10_0000, 0), path)).collect();
    channel.modules(0, 0, &modules);
    channel.blocks(0, 0, &[0, 1, 2].map(|at| block(BASE + at * 0x10_0000, 4 + at as u32, 1)));
    let filter = Filter { include: Vec::new(), exclude: vec!["b".to_owned()] };
    let profile = channel.profile(Mode::Cov, filter);
    let names: Vec<String> = profile.modules.iter().map(|module| module.name()).collect();
    assert_eq!(names, ["a", "c"]);
    let blocks: Vec<_> = profile.blocks.iter().map(|block| (block.module.0, block.bytes)).collect();
    assert_eq!(blocks, [(0, 4), (1, 6)]);
}

#[test]
fn blocks_outside_every_module_are_told() {
    let profile = one_process(&[block(0x1234, 8, 3)]).profile(Mode::Cov, Filter::default());
    assert_eq!((profile.homeless, profile.blocks.len()), (1, 0));
}

#[test]
fn overlapping_blocks_cover_their_common_bytes_once() {
    let channel = one_process(&[block(BASE, 10, 3), block(BASE + 4, 6, 2), block(BASE + 20, 5, 1)]);
    let profile = channel.profile(Mode::Cov, Filter::default());
    let sums = by_module(&profile)[0].sums;
    assert_eq!((sums.blocks, sums.bytes), (3, 15));
}

#[test]
fn numbers_that_make_no_sense_do_no_harm() {
    let mut channel = one_process(&[block(u64::MAX, u32::MAX, u16::MAX), block(BASE, u32::MAX, u16::MAX)]);
    channel.counters(0, &[u64::MAX, u64::MAX]);
    let wild = Partial { block: u32::MAX, insns: u32::MAX, times: u64::MAX, bytes: u64::MAX };
    channel.partials(0, &[wild, Partial { block: 1, ..wild }, Partial { block: 1, insns: 0, ..wild }]);
    // A fork of itself, a thread of nobody, paths that reach out of their area.
    channel.slot(FakeSlot { parent: 1, forked: 1, inherited_blocks: 9, ..FakeSlot::process(1) });
    channel.slot(FakeSlot::thread(2, 77));
    channel.poke(0, abi::MODULES_AT + 24, &[0xff; 8]);
    for slot in 0..3 {
        channel.poke(slot, 24, &[0xff; 8]);
    }
    let profile = channel.profile(Mode::Count, Filter::default());
    assert!(profile.lost >= 2, "{profile:?}");
    assert_eq!(by_module(&profile).len(), profile.modules.len());
    super::drcov::write(&profile, &mut Vec::new()).unwrap();
}

#[test]
fn random_slots_are_read_without_a_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..64 {
        let mut channel = one_process(&[block(BASE, 8, 3); 4]);
        channel.slot(FakeSlot { parent: 0, forked: 1, ..FakeSlot::process(1) });
        for at in [0, abi::MODULES_AT, abi::PATHS_AT, abi::BLOCKS_AT, abi::PARTIALS_AT, abi::COUNTERS_AT] {
            let noise: Vec<u8> = (0..64).map(|_| next(&mut state)).collect();
            channel.poke(u32::from(next(&mut state) & 1), at + u64::from(next(&mut state)), &noise);
        }
        // Counts small enough to be quick.
        for (slot, at) in [(0, 24), (1, 24)] {
            channel.poke(slot, at, &[next(&mut state), 0, 0, 0, next(&mut state), 0, 0, 0, 9, 0, 0, 0]);
        }
        let profile = channel.profile(Mode::Count, Filter::default());
        assert!(top_blocks(&profile, &Symbols::read(&profile), 3).len() <= 3);
        super::drcov::write(&profile, &mut Vec::new()).unwrap();
    }
}

fn next(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*state >> 56) as u8
}

#[test]
fn processes_say_how_they_ended() {
    let mut channel = one_process(&[]);
    channel.slot(FakeSlot::process(1));
    channel.slot(FakeSlot::process(2));
    channel.poke(1, 0, &abi::life::EXECED.to_le_bytes());
    channel.poke(2, 0, &abi::life::LIVE.to_le_bytes());
    channel.poke(2, 4, &u32::MAX.to_le_bytes());
    let ends: Vec<_> =
        channel.profile(Mode::Run, Filter::default()).processes.iter().map(|process| process.end).collect();
    assert_eq!(ends, [ProcessEnd::Exited, ProcessEnd::Execed, ProcessEnd::Killed]);
}

#[test]
fn blocks_without_symbols_come_together_per_module() {
    let channel = one_process(&[block(BASE, 8, 3), block(BASE + 8, 8, 3)]);
    channel.counters(0, &[1, 2]);
    let profile = channel.profile(Mode::Count, Filter::default());
    let functions = by_function(&profile, &Symbols::read(&profile));
    assert_eq!(functions.len(), 1);
    assert_eq!((functions[0].name.as_str(), functions[0].sums.instructions), ("?", 9));
}
