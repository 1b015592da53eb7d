//! A whole program, whose host side is another one at every call.

use midstride_wasi::{Builder, DirAccess, Frozen, MemoryPipe, Stream, Streams};

use crate::guest::{Between, Host, run};

const TEXT: &[u8] = b"Some text that is read in pieces, of which the last one is short.";

/// Runs it on [`TEXT`]; how often it was thawed.
fn copied(between: Between) -> usize {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in"), TEXT).unwrap();
    let wasi = Builder::new()
        .stdout(Stream::Memory(MemoryPipe::new()))
        .preopened_dir(dir.path(), "/", DirAccess::ReadWrite)
        .unwrap()
        .build()
        .unwrap();
    let wasm = wat::parse_str(include_str!("copy.wat")).unwrap();
    let (status, host) = run(&wasm, Host::new(wasi, between));
    assert_eq!(status as usize, TEXT.len());
    assert_eq!(std::fs::read(dir.path().join("out")).unwrap(), TEXT);
    assert_eq!(output(&host), TEXT);
    host.thaws
}

/// What a guest has written: the pipe it was given may have been replaced by a thaw.
fn output(host: &Host) -> Vec<u8> {
    let bytes = host.wasi.freeze().unwrap().to_bytes();
    let pipe = MemoryPipe::new();
    let streams = Streams { stdout: Some(Stream::Memory(pipe.clone())), ..Streams::default() };
    Frozen::from_bytes(&bytes).unwrap().thaw(streams).unwrap();
    pipe.contents()
}

#[test]
fn a_program_copies_a_file() {
    assert_eq!(copied(Between::Nothing), 0);
}

#[test]
fn a_program_copies_a_file_though_every_call_is_after_a_thaw() {
    assert!(copied(Between::FreezeAndThaw) > 30);
}
