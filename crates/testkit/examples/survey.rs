//! What of all instruction forms is compared with the processor, as JSON: `survey [CASES_OF_EACH_FORM [SEED]]`.
//!
//! Two objects: forms rewritten by code caches, and forms in a thread that an engine follows.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    use midstride_testkit::compare::{Instrumentation, Rewriting, Survey};

    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let [cases, seed] = [2, 1].map(|usual| numbers.next().unwrap_or(usual));
    let rewritten = Survey::of_all_forms(seed, cases, &Rewriting::all());
    let followed = Survey::of_all_forms_followed(seed, cases, Instrumentation::None, 4 << 20);
    let all_compared = [&rewritten, &followed].iter().all(|survey| survey.differences.is_empty());
    println!("{{ \"rewritten\": {}, \"followed\": {} }}", rewritten.to_json(), followed.to_json());
    assert!(all_compared, "there are differences");
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {}
