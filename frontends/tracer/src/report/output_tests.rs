//! The report as people and programs see it, from a made-up channel.

use std::time::Duration;

use midstride_tracer_abi::stat;

use super::fake::{FakeChannel, FakeSlot, block, module};
use super::filter::Filter;
use super::summary::{Counters, Summary};
use super::{drcov, json, text};
use crate::host::{Ending, Note, Outcome};
use crate::options::Mode;

const BASE: u64 = 0x7f00_0000_0000;

fn summary(mode: Mode) -> Summary {
    let mut channel = FakeChannel::new();
    channel.slot(FakeSlot::process(0));
    channel.modules(0, 0, &[(module(BASE, 0), "/no/such/program"), (module(BASE + 0x10_0000, 0), "")]);
    channel.blocks(0, 0, &[block(BASE, 1000, 300), block(BASE + 0x10_0010, 7, 2)]);
    channel.counters(0, &[12_345, 6]);
    channel.slot(FakeSlot::thread(1, 0));
    channel.births(0, 1);
    channel.counters(1, &[5]);
    channel.slot(FakeSlot { parent: 0, ..FakeSlot::process(2) });
    let links = std::mem::offset_of!(midstride_tracer_abi::SlotHeader, stats) + stat::LINKS * 8;
    channel.poke(0, links as u64, &77u64.to_le_bytes());
    let outcome = Outcome {
        ending: Ending::Killed(11),
        pid: 1000,
        wall: Duration::from_micros(1_234_500),
        user: Duration::from_millis(900),
        system: Duration::from_millis(80),
        notes: vec![Note::NotAttached { pid: 7, tracer: 8 }],
    };
    let profile = channel.profile(mode, Filter::default());
    let mut summary = Summary::new(mode, &["program".into(), "-x".into()], outcome, profile);
    summary.counters = Counters::Shown;
    summary
}

fn shown(summary: &Summary) -> String {
    let mut text = Vec::new();
    text::write(summary, &mut text).unwrap();
    anstream::adapter::strip_str(std::str::from_utf8(&text).unwrap()).to_string()
}

#[test]
fn count_says_instructions_by_module_and_block() {
    insta::assert_snapshot!(shown(&summary(Mode::Count)));
}

#[test]
fn cov_says_what_was_covered_and_where_the_file_is() {
    let mut summary = summary(Mode::Cov);
    summary.counters = Counters::Hidden;
    let written = drcov::write(&summary.profile, &mut Vec::new()).unwrap();
    summary.coverage_file = Some(("x.drcov".into(), written));
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn run_says_how_it_ended() {
    let mut summary = summary(Mode::Run);
    summary.counters = Counters::Hidden;
    summary.outcome.notes.clear();
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn json_has_everything() {
    let mut bytes = Vec::new();
    json::write(&summary(Mode::Count), &mut bytes).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn signals_have_their_names() {
    let cases = [(1, "SIGHUP"), (11, "SIGSEGV"), (31, "SIGSYS"), (34, "signal 34"), (0, "signal 0")];
    cases.iter().for_each(|&(signal, name)| assert_eq!(text::signal_name(signal), name));
}
