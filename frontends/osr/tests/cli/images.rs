//! Images and checkpoints as files: whole, torn, altered, shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::{Place, SPIN, TURNS, freeze, midwasm, output, spin};

#[test]
fn a_trusted_image_goes_on_without_its_pages_being_looked_at() {
    let place = Place::new(SPIN);
    let image = place.path("image");
    freeze(&place, &image, "60ms", TURNS);
    let thaw = || output(midwasm().args(["thaw", "--trust"]).arg(&image));
    let (status, stdout, stderr) = thaw();
    assert_eq!((status, stdout), (0, spin(&place, TURNS)), "{stderr}");
    // Nobody notices a page that was altered.
    let mut bytes = fs::read(&image).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&image, &bytes).unwrap();
    assert_eq!(thaw().0, 0);
    // But its head is always looked at.
    bytes[200] ^= 1;
    fs::write(&image, &bytes).unwrap();
    let (status, _, stderr) = thaw();
    assert_eq!(status, 125);
    assert!(stderr.starts_with(&format!("midwasm: {}: checksum of ", image.display())), "{stderr}");
    fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(thaw().0, 125);
}

#[test]
fn a_program_that_traps_before_is_not_frozen() {
    let place = Place::new(r#"(module (func (export "_start") unreachable))"#);
    let image = place.path("image");
    fs::write(&image, "something else").unwrap();
    let mut command = midwasm();
    command.args(["freeze", "--after", "1m", "-o"]).arg(&image).arg(&place.module);
    let (status, _, stderr) = output(&mut command);
    assert_eq!(status, 134);
    assert!(stderr.contains("trap: unreachable"), "{stderr}");
    assert!(stderr.contains("the program ended before it was frozen"), "{stderr}");
    assert_eq!(fs::read_to_string(&image).unwrap(), "something else");
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 2);
}

fn checkpoints(place: &Place) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(place.path("points")) else { return Vec::new() };
    let is_image = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "image");
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_image).collect();
    found.sort();
    found
}

/// Runs until there are two checkpoints, and kills it.
fn killed(place: &Place) -> Vec<PathBuf> {
    let mut command = midwasm();
    command.args(["run", "--checkpoint-every", "20ms", "--checkpoint-dir"]).arg(place.path("points"));
    command.args(["--invoke", "spin"]).arg(&place.module).arg("2000000000").stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while checkpoints(place).len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "there are no checkpoints");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // A child that was writing one is not killed with it.
    std::thread::sleep(Duration::from_millis(200));
    checkpoints(place)
}

/// Thaws it for a moment and freezes it again: what its global says is how far it had come.
fn turns(image: &Path) -> u64 {
    let (status, json, stderr) = output(midwasm().args(["inspect", "--json"]).arg(image));
    assert_eq!(status, 0, "{stderr}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    json["globals"][0]["value"].as_str().unwrap().parse().unwrap()
}

#[test]
fn the_newest_whole_checkpoint_of_a_directory_goes_on() {
    let place = Place::new(SPIN);
    let all = killed(&place);
    let newest = all.last().unwrap();
    let torn = place.path("points").join("checkpoint-0000099999.image");
    let bytes = fs::read(newest).unwrap();
    fs::write(&torn, &bytes[..bytes.len() - 1]).unwrap();
    fs::write(place.path("points").join("other.image"), "").unwrap();
    // It goes on from there: a new image is further, but not as far as from the start.
    let again = place.path("again");
    let thaw = |image: &Path| {
        let mut command = midwasm();
        command.args(["thaw", "--checkpoint-every", "30ms", "--checkpoint-dir"]).arg(&again).arg(image);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let first = again.join("checkpoint-0000000000.image");
        let begun = Instant::now();
        while !first.exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "there is no checkpoint");
            std::thread::sleep(Duration::from_millis(2));
        }
        let turns = turns(&first);
        child.kill().unwrap();
        child.wait().unwrap();
        turns
    };
    assert!(thaw(&place.path("points")) > turns(newest));
    // It is also the one that is shown.
    let shown = |image: &Path| output(midwasm().args(["inspect", "--json"]).arg(image));
    assert_eq!(shown(&place.path("points")), shown(newest));
    // None is whole: all are named, with their reasons.
    for path in checkpoints(&place) {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let (status, _, stderr) = output(midwasm().arg("thaw").arg(place.path("points")));
    assert_eq!(status, 125);
    assert!(stderr.contains("has no whole checkpoint"), "{stderr}");
    for path in all.iter().chain([&torn]) {
        assert!(stderr.contains(&format!("{}: ", path.display())), "{stderr}");
    }
    assert!(!stderr.contains("other.image"), "{stderr}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_said_and_the_program_goes_on() {
    let place = Place::new(SPIN);
    let mut command = midwasm();
    command.args(["run", "--checkpoint-every", "20ms", "--checkpoint-dir"]).arg(place.path("points"));
    command.args(["--invoke", "spin"]).arg(&place.module).arg("300000000");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !place.path("points").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // A writer may be in the middle of it.
    while fs::remove_dir_all(place.path("points")).is_err() {}
    let run = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    assert_eq!((run.status.code(), stdout), (Some(0), spin(&place, "300000000")), "{stderr}");
    assert!(stderr.contains("midwasm: not saved, the program goes on: "), "{stderr}");
    assert!(stderr.contains("No such file or directory"), "{stderr}");
}

#[test]
fn what_is_no_image_is_refused_by_its_name() {
    let place = Place::new("(module)");
    let cases = [("nothing", "No such file or directory"), ("app.wat", "this is not an image")];
    for (name, reason) in cases {
        for command in ["thaw", "inspect"] {
            let (status, _, stderr) = output(midwasm().arg(command).arg(place.path(name)));
            assert_eq!(status, 125);
            assert!(stderr.contains(name) && stderr.contains(reason), "{stderr}");
        }
    }
}

#[test]
fn an_image_whose_module_was_moved_is_given_it() {
    let place = Place::new(SPIN);
    let image = place.path("image");
    freeze(&place, &image, "60ms", TURNS);
    let expected = spin(&place, TURNS);
    let moved = place.path("moved.wat");
    fs::rename(&place.module, &moved).unwrap();
    for command in ["thaw", "inspect"] {
        let (status, _, stderr) = output(midwasm().arg(command).arg(&image));
        let reason = "the image's module is no longer at ";
        assert!(status == 125 && stderr.contains(reason) && stderr.contains("--module"), "{stderr}");
    }
    let with =
        |command: &str, module: &Path| output(midwasm().arg(command).arg("--module").arg(module).arg(&image));
    assert_eq!(with("inspect", &moved).0, 0);
    assert_eq!(with("thaw", &moved), (0, expected, String::new()));
    fs::write(&place.module, RICH).unwrap();
    for command in ["thaw", "inspect"] {
        let (status, _, stderr) = with(command, &place.module);
        assert!(status == 125 && stderr.contains("the image is of module "), "{stderr}");
    }
}

#[test]
fn who_reads_what_is_shown_may_stop() {
    let place = Place::new(SPIN);
    let image = place.path("image");
    freeze(&place, &image, "60ms", TURNS);
    let (unread, pipe) = std::io::pipe().unwrap();
    drop(unread);
    let run = midwasm().arg("inspect").arg(&image).stdout(pipe).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(
        (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned()),
        (Some(0), String::new())
    );
}

/// One of everything that an image shows.
const RICH: &str = r#"(module (memory 2 5) (data (i32.const 70000) "x") (data $later "y")
    (table 3 6 funcref) (elem (i32.const 1) $work) (table 2 externref)
    (global $count (mut i64) (i64.const -5)) (global f32 (f32.const 1.5)) (global (mut v128) (v128.const i64x2 1 2))
    (global funcref (ref.func $work))
    (func $work (param $n i32) (result i32) (local $f f64) (local $v v128)
      (data.drop $later)
      (local.set $f (f64.const 0.25))
      (i32.const 42)
      (loop $l (br_if $l (local.get $n)))
      (drop) (i32.const 0))
    (func (export "_start") (drop (call $work (i32.const 7)))))"#;

#[test]
fn an_image_shows_all_that_it_has_as_text_and_as_json() {
    let place = Place::new(RICH);
    let image = place.path("image");
    let mut command = midwasm();
    command.args(["freeze", "--after", "50ms", "-o"]).arg(&image).arg(&place.module);
    let (status, _, stderr) = output(&mut command);
    assert_eq!(status, 0, "{stderr}");
    let (status, text, _) = output(midwasm().arg("inspect").arg(&image));
    assert_eq!(status, 0);
    let host = text.find("host midwasm: ").unwrap();
    insta::assert_snapshot!("inspect_text", &text[..host]);
    let (_, json, _) = output(midwasm().args(["inspect", "--json"]).arg(&image));
    let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let (hash, host) = (json["module"].take(), json["host"].take());
    assert_eq!(hash.as_str().unwrap().len(), 64);
    assert_eq!(host[0]["name"], "midwasm");
    insta::assert_snapshot!("inspect_json", format!("{json:#}"));
}
