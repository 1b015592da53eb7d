//! Checkpoints survive kill -9.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{Place, SPIN, midwasm, output, spin};

/// So that there is time to be killed in.
const TURNS: &str = "150000000";

/// How often to kill: more by `MIDSTRIDE_KILLS`.
fn kills() -> usize {
    std::env::var("MIDSTRIDE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn checkpointing(place: &Place, command: &str) -> Command {
    let mut process = midwasm();
    process.arg(command).args(["--checkpoint-every", "15ms", "--checkpoint-dir"]).arg(place.path("points"));
    process
}

fn first(place: &Place) -> Command {
    let mut process = checkpointing(place, "run");
    process.args(["--invoke", "spin"]).arg(&place.module).arg(TURNS);
    process
}

fn again(place: &Place) -> Command {
    let mut process = checkpointing(place, "thaw");
    process.arg(place.path("points"));
    process
}

/// Kills it after a while; whether it had ended by itself.
fn kill(mut child: Child, after: Duration) -> bool {
    std::thread::sleep(after);
    let ended = child.try_wait().unwrap().is_some();
    // An error means that it has just ended.
    let _ = child.kill();
    child.wait().unwrap();
    ended
}

fn has_checkpoint(place: &Place) -> bool {
    let Ok(entries) = std::fs::read_dir(place.path("points")) else { return false };
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|ending| ending == "image"))
}

#[test]
fn killed_at_any_moment_the_newest_checkpoint_goes_on_to_the_same_end() {
    let place = Place::new(SPIN);
    let expected = spin(&place, TURNS);
    let mut moment = 0x2545_f491u64;
    for round in 0..kills() {
        let thaw = has_checkpoint(&place);
        let mut command = if thaw { again(&place) } else { first(&place) };
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_millis(20 + (moment >> 33) % 120);
        let ended = kill(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(), after);
        if ended {
            // A writer whose program was killed may put one more checkpoint there: it is as good.
            let _ = std::fs::remove_dir_all(place.path("points"));
        }
        if round % 20 == 19 && has_checkpoint(&place) {
            check_end(&place, &expected);
        }
    }
    if !has_checkpoint(&place) {
        kill(first(&place).stdout(Stdio::null()).spawn().unwrap(), Duration::from_millis(400));
    }
    check_end(&place, &expected);
}

fn check_end(place: &Place, expected: &str) {
    let (status, stdout, stderr) = output(&mut again(place));
    assert_eq!((status, &*stdout), (0, expected), "{stderr}");
}

/// Its table takes longer to save than there is between two checkpoints.
const SLOW_TO_SAVE: &str = r#"(module (table 2000000 funcref) (func (export "spin") (result i32) (local i32)
    (loop $l (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 30000000))))
    (local.get 0)))"#;

/// Stopped again as soon as it went on, it did one turn of its loop for each checkpoint.
#[test]
fn a_program_that_is_slow_to_save_gets_on_between_checkpoints() {
    let place = Place::new(SLOW_TO_SAVE);
    let mut command = midwasm();
    command.args(["run", "--checkpoint-every", "2ms", "--checkpoint-dir"]).arg(place.path("points"));
    command.args(["--invoke", "spin"]).arg(&place.module);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // It has ended, or never will.
    let _ = child.kill();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"30000000\n");
}
