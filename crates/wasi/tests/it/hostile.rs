//! Guests that pass anything.

use fastrand::Rng;
use midstride_wasi::{Exit, FUNCTIONS, Streams, UNSTABLE_FUNCTIONS, ValType};

use crate::harness::*;

/// A number as hostile guests pass them: small, at an edge of something, or any.
fn number(random: &mut Rng) -> u64 {
    let memory = MEMORY as u64;
    match random.u8(..8) {
        0 => random.u64(..8),
        1 => memory - random.u64(..16),
        2 => memory + random.u64(..16),
        3 => u64::from(u32::MAX) - random.u64(..64),
        4 => u64::MAX - random.u64(..64),
        5 => 1 << random.u32(..64),
        6 => random.u64(..memory),
        _ => random.u64(..),
    }
}

/// Arguments of a call, and now and then other memory.
fn arguments(random: &mut Rng, params: &[ValType], memory: &mut [u8]) -> Vec<u64> {
    if random.u8(..16) == 0 {
        let at = random.usize(..memory.len() - 64);
        random.fill(&mut memory[at..at + 64]);
    }
    if random.u8(..4) == 0 {
        let at = random.usize(..memory.len() / 4 - 1) * 4;
        memory[at..at + 4].copy_from_slice(&(number(random) as u32).to_le_bytes());
    }
    let narrow = |ty: &ValType, value: u64| if *ty == ValType::I32 { u64::from(value as u32) } else { value };
    params.iter().map(|ty| narrow(ty, number(random))).collect()
}

#[test]
fn any_arguments_of_any_function_give_an_errno_or_an_exit() {
    for seed in 0..40 {
        let mut random = Rng::with_seed(seed);
        let (mut guest, dir) = Guest::with_dir();
        std::fs::write(dir.path().join("a"), "text").unwrap();
        guest.open("a", 0).unwrap();
        // Waiting is not what this is about.
        guest.wasi.interrupt().raise();
        for _ in 0..1000 {
            let functions = if random.bool() { FUNCTIONS } else { UNSTABLE_FUNCTIONS };
            let function = random.choice(functions).unwrap();
            let args = arguments(&mut random, function.params(), &mut guest.memory);
            match guest.wasi.call(function, &mut guest.memory, &args) {
                Ok(_) | Err(Exit::Interrupted | Exit::Process { .. }) => {}
                Err(exit) => panic!("{function:?}{args:?}: {exit}"),
            }
        }
        if let Ok(frozen) = guest.wasi.freeze() {
            frozen.thaw(Streams::default()).unwrap();
        }
    }
}

#[test]
fn pointers_out_of_memory_change_nothing() {
    let edge = MEMORY as u64;
    for function in FUNCTIONS.iter().chain(UNSTABLE_FUNCTIONS) {
        let (mut guest, dir) = Guest::with_dir();
        std::fs::write(dir.path().join("a"), "text").unwrap();
        let fd = guest.open("a", 0).unwrap();
        guest.memory.fill(0x11);
        let before = guest.memory.clone();
        let args: Vec<_> = function.params().iter().map(|_| edge).collect();
        let first = |number| [number].into_iter().chain(args.iter().skip(1).copied()).collect::<Vec<_>>();
        for args in [first(fd), first(3), args.clone()] {
            if !args.is_empty() && args.len() == function.params().len() {
                let _ = guest.wasi.call(function, &mut guest.memory, &args);
            }
        }
        assert!(guest.memory == before, "{}", function.name());
    }
}

#[test]
fn a_call_with_a_wrong_place_for_its_result_opens_nothing() {
    let (mut guest, dir) = Guest::with_dir();
    let [at, len] = guest.path(0, "new");
    let args = [3, 0, at, len, CREATE, ALL, ALL, 0, MEMORY as u64 - 3];
    assert_eq!(guest.call("path_open", &args), midstride_wasi::Errno::Fault);
    assert!(!dir.path().join("new").exists());
}

/// Adding 1 to it overflowed.
#[test]
fn the_largest_cookie_is_behind_all_entries() {
    let (mut guest, _dir) = Guest::with_dir();
    assert_eq!(guest.entries(3, 100, u64::MAX), 0);
}

#[test]
fn an_empty_memory_is_a_memory() {
    let (mut guest, _dir) = Guest::with_dir();
    guest.memory.clear();
    guest.wasi.interrupt().raise();
    for function in FUNCTIONS.iter().chain(UNSTABLE_FUNCTIONS) {
        let args = vec![3; function.params().len()];
        let _ = guest.wasi.call(function, &mut guest.memory, &args);
    }
}
