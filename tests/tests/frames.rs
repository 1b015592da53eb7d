//! What signal handlers see, at random moments of random programs, are states of the program.
//!
//! `programs/helper_frames.c` notes frames under midtrace; natively, it steps the same programs and looks
//! for each noted state among those that really occur.

use std::path::Path;
use std::time::Duration;

use midstride_tests::compile::{self, Link};
use midstride_tests::job::{End, Job, Scratch};
use midstride_tests::mode::Mode;
use midstride_tests::trial::{Place, words_of};
use midstride_tests::{midtrace, program};

fn job(executable: &Path, what: &str, file: &Path) -> Job {
    let words = words_of(executable, &[what.to_owned(), file.display().to_string()]);
    Job { words, limit: Duration::from_secs(60), ..Job::default() }
}

fn assert_frames_are_exact(mode: Mode) {
    let place = Place::of_keeper(env!("CARGO_BIN_EXE_keeper"));
    let program = program::helper("helper_frames");
    let executable = compile::executable(&program, Link::Dynamic, &place.target).expect("it compiles");
    let scratch = Scratch::new(&place.target, &format!("frames_{}", mode.name()), &place.keeper);
    let file = scratch.aside().join("frames");
    let mut before = Vec::new();
    if mode != Mode::Native {
        before.push(midtrace::path(&place.target).expect("midtrace builds").into());
        before.extend(mode.words(&scratch.aside()));
    }
    let recorded = scratch.run(&job(&executable, "record", &file), &before);
    assert_eq!(recorded.kept.end, End::Exited(0), "{}", String::from_utf8_lossy(&recorded.stderr));
    let checked = scratch.run(&job(&executable, "check", &file), &[]);
    let text = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(text, "enough states\nPASS\n", "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn natively_every_state_is_found() {
    assert_frames_are_exact(Mode::Native);
}

#[test]
fn rewritten_programs_show_their_own_states() {
    assert_frames_are_exact(Mode::Run);
}

#[test]
fn constantly_evicted_programs_show_their_own_states() {
    assert_frames_are_exact(Mode::Torture);
}

#[test]
fn covered_programs_show_their_own_states() {
    assert_frames_are_exact(Mode::Cov);
}

// Not for `count`: its counters clobber flags where they are dead, which ARCHITECTURE.md lists.
