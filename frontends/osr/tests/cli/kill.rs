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
