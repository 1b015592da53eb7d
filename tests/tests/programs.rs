//! Each program of `programs/` in each link, natively and in each mode.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use midstride_tests::compare::Rules;
use midstride_tests::compile::{self, Link};
use midstride_tests::job::Job;
use midstride_tests::mode::{self, Mode};
use midstride_tests::needs;
use midstride_tests::program::{self, Program};
use midstride_tests::trial::{Case, Place, Suite, run_case, words_of};

/// The dynamic executable goes through every mode; the static ones show what differs about them.
const MODES: [(Link, &[Mode]); 3] = [
    (Link::Dynamic, &[Mode::Run, Mode::Cov, Mode::Count, Mode::Torture]),
    (Link::Static, &[Mode::Run, Mode::Torture]),
    (Link::StaticPie, &[Mode::Run]),
];

fn main() {
    let place = Arc::new(Place::of_keeper(env!("CARGO_BIN_EXE_keeper")));
    let mut suite = Suite::default();
    for program in program::all() {
        for link in program.links.clone() {
            add(&mut suite, &place, &program, link);
        }
    }
    suite.conclude("programs");
}

fn add(suite: &mut Suite, place: &Arc<Place>, program: &Program, link: Link) {
    let name = format!("{}/{}", program.name, link.name());
    if program.slow && !needs::slow_wanted() {
        return suite.leave_out(&name, "slow, wants MIDSTRIDE_SLOW=1");
    }
    if let Some(reason) = &program.differs {
        return suite.leave_out(&name, format!("known to differ: {reason}"));
    }
    if let Some(missing) = needs::missing_feature(&program.needs) {
        return suite.leave_out(&name, format!("this machine lacks {missing}"));
    }
    let (place, program) = (Arc::clone(place), program.clone());
    suite.add(&name.clone(), move || run(&place, &program, link, name));
}

fn run(place: &Place, program: &Program, link: Link, name: String) -> Result<(), Failed> {
    let executable = compile::executable(program, link, &place.target)?;
    let job = |arguments: &Vec<String>| Job {
        words: words_of(&executable, arguments),
        stdin: program.stdin.clone().into_bytes(),
        limit: Duration::from_secs(program.limit),
        ..Job::default()
    };
    let rules = Rules {
        filters: program.filters.clone(),
        ignored_files: program.ignored_files.clone(),
        ..Rules::default()
    };
    let jobs = program.runs.iter().map(job).collect();
    // Without the C library a program has so few blocks that they fit even there.
    let evictions = if program.raw { 0 } else { 100 };
    let modes = modes(program, link);
    run_case(place, &Case { name, jobs, rules, modes, expected: Vec::new(), evictions })
        .map_err(|failed| format!("{}\n{}", program.fact, failed.message().unwrap_or("")).into())
}

fn modes(program: &Program, link: Link) -> Vec<Mode> {
    let default = MODES.iter().find(|(of, _)| *of == link).map_or(&[][..], |(_, modes)| *modes);
    let applies = |mode: &Mode| {
        program.modes.is_empty()
            || *mode == Mode::Native
            || program.modes.iter().any(|name| name == mode.name())
    };
    mode::wanted(default).into_iter().filter(applies).collect()
}
