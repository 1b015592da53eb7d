//! The rewriter against the processor: more than a million cases, then every instruction of the cache.
//!
//! Longer runs, with other seeds: `cargo xtask fuzz rewritten_code`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use iced_x86::Code;
use midstride_testkit::compare::{
    Coverage, Instrumentation, Kind, Programs, Rewriting, Steps, Survey, step_through_shapes, takes_an_engine,
};

/// Cases of each form, and programs, per test.
const FORMS: u64 = 120;
const STRAIGHT: u64 = 220_000;
const GRAPHS: u64 = 220_000;
const FORMS_FOLLOWED: u64 = 20;
const PROGRAMS_FOLLOWED: u64 = 30_000;
/// What they come to at least: now and then chance makes no case.
const A_MILLION: u64 = 480_000 + STRAIGHT + GRAPHS + 76_000 + PROGRAMS_FOLLOWED / 20 * 19;
const _: () = assert!(A_MILLION >= 1_000_000);

/// Hot bytes of an engine's cache: usual, and too few for what is run.
const USUAL: u64 = 4 << 20;
const TINY: u64 = 64 << 10;

/// Forms that this processor carries out.
fn forms() -> Vec<Code> {
    let survey = Survey::of_all_forms(2, 2, &Rewriting::all()[..1]);
    survey.with(Coverage::CarriedOut).collect()
}

fn assert_same(programs: &Programs, at_least: u64) {
    println!("{programs}");
    assert!(programs.differences.is_empty(), "{}", programs.differences[0]);
    assert!(programs.compared() >= at_least, "only {} cases", programs.compared());
    assert!(programs.unfit < 1000, "{} cases did not end", programs.unfit);
}

#[test]
fn every_form_does_what_it_does_natively() {
    let survey = Survey::of_all_forms(1, FORMS, &Rewriting::all());
    println!("{survey}");
    assert!(survey.differences.is_empty(), "{}", survey.differences[0]);
    assert!(survey.compared() >= 480_000, "only {} cases", survey.compared());
    // iced knows 4936 forms. Which of them are carried out depends on the processor; what is run does not.
    let skipped = survey.skipped.values().map(Vec::len).sum::<usize>();
    let followed_only = Code::values().filter(|code| takes_an_engine(*code)).count();
    assert_eq!((survey.forms.len(), followed_only, skipped), (4329, 23, 584));
    assert_eq!(survey.with(Coverage::None).collect::<Vec<_>>(), []);
    assert!(survey.with(Coverage::CarriedOut).count() > 1000);
}

#[test]
fn instructions_in_a_row_do_what_they_do_natively() {
    assert_same(&Programs::of(Kind::Straight, 3, STRAIGHT, &forms(), &Rewriting::all()), STRAIGHT);
}

#[test]
fn blocks_that_lead_to_each_other_do_what_they_do_natively() {
    assert_same(&Programs::of(Kind::Graph, 4, GRAPHS, &forms(), &Rewriting::all()), GRAPHS / 20 * 19);
}

#[test]
fn every_form_does_what_it_does_natively_when_followed() {
    let survey = Survey::of_all_forms_followed(5, FORMS_FOLLOWED, Instrumentation::None, USUAL);
    println!("{survey}");
    assert!(survey.differences.is_empty(), "{}", survey.differences[0]);
    assert!(survey.compared() >= 76_000, "only {} cases", survey.compared());
    for code in
        [Code::Retfq, Code::Retfq_imm16, Code::Iretq, Code::Rdgsbase_r64, Code::Syscall, Code::Popq_GS]
    {
        assert!(takes_an_engine(code) && survey.forms[&code].left > 0, "{code:?}");
    }
    // Their targets lie above what a 32-bit pointer reaches: they arrive at places that are not there.
    for code in [Code::Jmp_m1616, Code::Jmp_m1632, Code::Call_m1616, Code::Call_m1632, Code::Jmp_m1664] {
        assert!(survey.forms[&code].compared() > 0, "{code:?}");
    }
    let compared = |code: &Code| survey.forms.get(code).is_some_and(|tally| tally.compared() > 0);
    let missing: Vec<Code> =
        Code::values().filter(|code| takes_an_engine(*code) && !compared(code)).collect();
    assert_eq!(missing, []);
}

#[test]
fn programs_do_what_they_do_natively_when_followed() {
    let forms = forms();
    for (instrumentation, hot_bytes) in
        [(Instrumentation::None, USUAL), (Instrumentation::Counts, USUAL), (Instrumentation::None, TINY)]
    {
        let programs = Programs::followed(6, PROGRAMS_FOLLOWED / 3, &forms, instrumentation, hot_bytes);
        assert_same(&programs, PROGRAMS_FOLLOWED / 60 * 19);
    }
}

fn assert_stepped(steps: &Steps, at_least: u64) {
    println!(
        "{} instructions of the cache, {} ends, {} cut off",
        steps.looked_at, steps.ended, steps.cut_off
    );
    assert!(steps.differences.is_empty(), "{}", steps.differences[0]);
    assert!(steps.looked_at >= at_least, "only {} instructions were looked at", steps.looked_at);
}

#[test]
fn every_instruction_of_the_cache_translates_to_the_native_state() {
    assert_stepped(&Programs::stepped(7, 400, &forms(), &Rewriting::all()), 40_000);
}

#[test]
fn every_way_to_leave_a_block_is_carried_out() {
    assert_stepped(&step_through_shapes(8, &Rewriting::all()), 20_000);
}
