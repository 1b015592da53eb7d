//! The comparison of the tests with another seed and size: `compare [SEED [CASES]]`.
//!
//! A hundredth of the cases is stepped through the cache, instruction by instruction.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    use iced_x86::Code;
    use midstride_testkit::compare::{Coverage, Instrumentation, Kind, Programs, Rewriting, Survey};

    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let [seed, cases]: [u64; 2] = [1, 100_000].map(|usual| numbers.next().unwrap_or(usual));
    let ways = Rewriting::all();
    let survey = Survey::of_all_forms(seed, cases / 20_000 + 1, &ways);
    let forms: Vec<Code> = survey.with(Coverage::CarriedOut).collect();
    let mut differences = survey.differences.clone();
    println!("forms: {} cases", survey.compared());
    for kind in [Kind::Straight, Kind::Graph] {
        let programs = Programs::of(kind, seed, cases / 3, &forms, &ways);
        println!("{kind:?}: {programs}");
        differences.extend(programs.differences);
    }
    let followed = Programs::followed(seed, cases / 10, &forms, Instrumentation::None, 4 << 20);
    println!("followed: {followed}");
    let steps = Programs::stepped(seed, cases / 100, &forms, &ways);
    println!("stepped: {} instructions of the cache, {} ends", steps.looked_at, steps.ended);
    differences.extend(followed.differences.into_iter().chain(steps.differences));
    differences.iter().for_each(|difference| println!("{difference}"));
    assert!(differences.is_empty(), "{} differences with seed {seed}", differences.len());
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {}
