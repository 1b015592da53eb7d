//! The same texts through GNU as.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use iced_x86::{EncodingKind, Instruction, MemorySizeOptions};
use midstride_syntax::assemble;
use midstride_testkit::Random;

use crate::forms::{IP, decode, encodable, instructions, why_left_out};
use crate::round_trip::{DISTANCES, meaning, text};

/// Bytes between instructions.
const STRIDE: usize = 16;

/// What both assemblers are asked: text that both understand. `as` takes numbers of branches and addresses for
/// places in the object, so instructions with either are left to the decoder's test.
fn texts() -> Vec<(Instruction, String)> {
    let mut random = Random::new(0x6173_6173);
    let codes = encodable().filter(|code| why_left_out(*code).is_none());
    let insns = codes.flat_map(|code| instructions(code, 4, &mut random)).filter(|insn| {
        let branch = insn.near_branch_target() != 0 || insn.is_ip_rel_memory_operand();
        let known = insn.code().op_code().encoding() != EncodingKind::D3NOW;
        !branch && known
    });
    let print = |insn: Instruction| {
        let text = text(&insn, |options| {
            options.set_memory_size_options(MemorySizeOptions::Always);
            options.set_hex_prefix("0x");
            options.set_hex_suffix("");
            options.set_signed_immediate_operands(true);
        });
        (insn, text)
    };
    insns.map(print).collect()
}

/// Where the two differ, and why ours is meant.
const DIFFERENCES: [(&str, &str); 8] = [
    ("ret far", "GNU as takes `far` for the name of a number"),
    ("data16 ret far", "the same"),
    ("iret", "16 bits in Intel's manual, 32 to GNU as"),
    ("pushf", "16 bits in Intel's manual, 64 to GNU as"),
    ("popf", "16 bits in Intel's manual, 64 to GNU as"),
    ("xchg rax,rax", "GNU as leaves the REX prefix of this nop out"),
    ("sldt r", "writes the same 16 bits and zeros with and without REX.W"),
    ("str r", "the same"),
];

fn is_known_difference(text: &str) -> bool {
    DIFFERENCES.iter().any(|(start, _)| text.starts_with(start))
}

/// Runs `as`; the lines that it refuses, and the code if it refuses none.
fn gnu(directory: &Path, lines: &[&str]) -> Result<Vec<u8>, BTreeSet<usize>> {
    let (source, object, code) = (directory.join("s.s"), directory.join("s.o"), directory.join("s.bin"));
    let padded: Vec<String> = lines.iter().map(|line| format!("{line}; .balign {STRIDE}, 0xcc")).collect();
    fs::write(&source, padded.join("\n") + "\n").unwrap();
    let flags = ["-msyntax=intel", "-mnaked-reg", "-mmnemonic=intel", "--64", "-o"];
    let done = Command::new("as").args(flags).arg(&object).arg(&source).output().unwrap();
    if done.status.success() {
        let copy = ["-O", "binary", "-j", ".text"];
        assert!(Command::new("objcopy").args(copy).arg(&object).arg(&code).status().unwrap().success());
        return Ok(fs::read(code).unwrap());
    }
    let messages = String::from_utf8_lossy(&done.stderr).into_owned();
    let number = |line: &str| line.split(':').nth(1)?.parse::<usize>().ok().map(|number| number - 1);
    Err(messages.lines().filter(|line| line.contains("Error")).filter_map(number).collect())
}

#[test]
fn gnu_as_assembles_the_same() {
    if Command::new("as").arg("--version").output().is_err() {
        println!("there is no `as` here: nothing is compared");
        return;
    }
    let directory = std::env::temp_dir().join(format!("midstride-syntax-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let all = texts();
    let lines: Vec<&str> = all.iter().map(|(_, text)| text.as_str()).collect();
    let refused = gnu(&directory, &lines).err().unwrap_or_default();
    let kept: Vec<_> = (0..all.len()).filter(|at| !refused.contains(at)).map(|at| &all[at]).collect();
    let lines: Vec<&str> = kept.iter().map(|(_, text)| text.as_str()).collect();
    let code = gnu(&directory, &lines).expect("what `as` refuses was taken out");
    fs::remove_dir_all(&directory).unwrap();
    let (mut same, mut shorter, mut longer) = (0, 0, 0);
    let mut troubles = Vec::new();
    for ((_, text), theirs) in kept.iter().zip(code.chunks(STRIDE)) {
        let ours = assemble(text, IP).unwrap().bytes();
        let theirs = decode(theirs);
        let back = decode(&ours);
        if meaning(&back, DISTANCES) != meaning(&theirs, DISTANCES) && !is_known_difference(text) {
            troubles.push(format!("{text}: {back} is not {theirs}"));
        }
        same += usize::from(ours.len() == theirs.len());
        shorter += usize::from(ours.len() < theirs.len());
        longer += usize::from(ours.len() > theirs.len());
    }
    println!("{} texts; {same} as long as GNU as makes them, {shorter} shorter, {longer} longer", kept.len());
    println!("{} that GNU as does not take", refused.len());
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
    assert!(kept.len() > 9_000 && same * 100 > kept.len() * 98);
}
