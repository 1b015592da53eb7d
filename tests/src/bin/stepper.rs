//! Single-steps a program and writes down what it executed.
//!
//! `stepper REPORT COMMAND ARGS…`: the program's output is its own; the report is JSON.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;

use midstride_tests::step;

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let [report, command @ ..] = &words[..] else { return ExitCode::from(2) };
    if command.is_empty() {
        eprintln!("usage: stepper REPORT COMMAND…");
        return ExitCode::from(2);
    }
    let text = match step::run(command) {
        Ok(steps) => serde_json::to_string(&steps).expect("plain data"),
        Err(error) => {
            eprintln!("stepper: {error}");
            return ExitCode::FAILURE;
        }
    };
    match fs::write(report, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stepper: {}: {error}", report.to_string_lossy());
            ExitCode::FAILURE
        }
    }
}
