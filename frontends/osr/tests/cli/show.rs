//! `midwasm show`: what a module became.

use crate::{Place, midwasm, output};

const MODULE: &str = r#"(module (import "host" "work" (func)) (memory 1)
  (func $peek (param i32) (result i32) (i32.load offset=8 (local.get 0)))
  (func $loops (param i32)
    (loop $again (drop (call $peek (local.get 0))) (br_if $again (local.get 0)))))"#;

fn show(place: &Place, arguments: &[&str]) -> (i32, String, String) {
    output(midwasm().arg("show").arg(&place.module).args(arguments))
}

#[test]
fn functions_with_bodies_are_listed_by_index_and_name() {
    let (status, stdout, stderr) = show(&Place::new(MODULE), &[]);
    assert_eq!(status, 0, "{stderr}");
    let heads: Vec<&str> = stdout.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(heads, ["peek (function 1)", "loops (function 2)"]);
}

#[test]
fn instructions_stand_beside_the_operators_they_belong_to() {
    let place = Place::new(MODULE);
    let (status, by_name, stderr) = show(&place, &["loops"]);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(by_name, show(&place, &["2"]).1);
    let line = |part: &str| by_name.lines().find(|line| line.contains(part)).unwrap_or_default();
    assert!(line("call peek (function 1)").trim_start().starts_with("0x"), "{by_name}");
    for part in [" entry ", " loop ", "call the runtime"] {
        assert!(!line(part).is_empty(), "{part} is not in {by_name}");
    }
}

#[test]
fn a_function_without_a_name_is_found_by_its_export() {
    let place = Place::new(r#"(module (func) (func (export "run") (param i64)))"#);
    let (status, by_export, stderr) = show(&place, &["run"]);
    assert_eq!((status, &*by_export), (0, &*show(&place, &["1"]).1), "{stderr}");
    assert!(by_export.starts_with("function 1: "), "{by_export}");
}

#[test]
fn programs_get_the_same_as_json() {
    let (status, json, stderr) = show(&Place::new(MODULE), &["peek", "--json"]);
    assert_eq!(status, 0, "{stderr}");
    let functions: serde_json::Value = serde_json::from_str(&json).unwrap();
    let peek = &functions[0];
    assert_eq!((&peek["function"], &peek["name"]), (&1.into(), &"peek".into()));
    let rows = peek["instructions"].as_array().unwrap();
    assert_eq!(
        (&rows[0]["code"], &rows[0]["bytes"], &rows[0]["text"]),
        (&0.into(), &"55".into(), &"push rbp".into())
    );
    let load = rows.iter().find(|row| row["site"] == "trap").unwrap();
    assert_eq!(load["wasm"].as_u64(), Some(peek["wasm"].as_u64().unwrap() + 3));
    assert!(load["text"].as_str().unwrap().contains("[r14+"), "{load}");
    let bytes: usize = rows.iter().map(|row| row["bytes"].as_str().unwrap().split(' ').count()).sum();
    assert_eq!(peek["bytes"].as_u64(), Some(bytes as u64));
}

#[test]
fn a_function_that_is_not_there_is_an_error() {
    let (status, _, stderr) = show(&Place::new(MODULE), &["work"]);
    assert_eq!((status, &*stderr), (125, "midwasm: no function with a body is called work\n"));
}
