//! `--times`: what compiling and running took, for programs to read.

use crate::{Place, SPIN, midwasm, output};

fn read(place: &Place) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(place.path("times")).unwrap()).unwrap()
}

#[test]
fn a_run_says_what_compiling_and_running_took() {
    let place = Place::new(SPIN);
    let run = |turns: &str| {
        let mut command = midwasm();
        command.args(["run", "--invoke", "spin", "--times"]).arg(place.path("times")).arg(&place.module);
        assert_eq!(output(command.arg(turns)).0, 0);
        read(&place)
    };
    let (short, long) = (run("1"), run("1000000"));
    assert_eq!(short["compile_ns"].as_array().unwrap().len(), 1);
    assert!(long["run_ns"].as_u64() > short["run_ns"].as_u64(), "{short} {long}");
    assert!(short["code_bytes"].as_u64() > short["map_bytes"].as_u64(), "{short}");
}

#[test]
fn each_round_of_compiling_has_its_time() {
    let place = Place::new(SPIN);
    let mut command = midwasm();
    command.args(["compile", "--rounds", "3", "--times"]).arg(place.path("times")).arg(&place.module);
    assert_eq!(output(&mut command).0, 0);
    let times = read(&place);
    assert_eq!(times["compile_ns"].as_array().unwrap().len(), 3);
    assert!(times["run_ns"].is_null());
}
