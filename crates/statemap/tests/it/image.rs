//! Images: what comes back, what is refused, and version 1 as it was first written.

use std::error::Error;

use midstride_statemap::{
    Activation, Frame, Global, HostCall, HostState, Image, ImageError, ImageHead, IndexType, LinearMemory,
    Memory, MemoryPages, Mutability, PageRange, Part, Phase, Problem, Section, State, StateError, Table,
    ValType, Value, write_image,
};
use midstride_testkit::properties::{check, image_roundtrip};

#[test]
fn any_state_comes_back() {
    check(image_roundtrip, 4096);
}

fn frame(phase: Phase, locals: &[Value], operands: &[Value]) -> Frame {
    Frame { function: 3, wasm_offset: 0x123, phase, locals: locals.to_vec(), operands: operands.to_vec() }
}

/// One of everything.
fn sample() -> Image {
    let every = [
        Value::I32(-2),
        Value::I64(i64::MIN),
        Value::F32(0x7fa0_0001),
        Value::F64(0xfff4_0000_0000_0001),
        Value::V128(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100),
        Value::FuncRef(Some(7)),
        Value::ExternRef(None),
    ];
    let host_call = HostCall { function: 1, arguments: vec![Value::I32(5)], progress: vec![9, 8] };
    let older = Activation { frames: vec![frame(Phase::Call, &every, &[])], host_call: Some(host_call) };
    let frames =
        vec![frame(Phase::Call, &[], &every), frame(Phase::Trap, &[], &[Value::I32(1), Value::I32(0)])];
    let mut memories = vec![Memory::new(3), Memory::new(0), Memory::new(1 << 20)];
    memories[0].maximum = Some(4);
    memories[0].write(0x1_0ffc, &[1, 2, 3, 4, 5, 6]).unwrap();
    memories[2].index_type = IndexType::I64;
    memories[2].write((1 << 36) - 1, &[0xff]).unwrap();
    let state = State {
        activations: vec![older, Activation { frames, host_call: None }],
        globals: vec![
            Global { value: Value::I64(44), mutability: Mutability::Var },
            Global { value: Value::FuncRef(None), mutability: Mutability::Const },
        ],
        tables: vec![
            Table {
                ty: ValType::FuncRef,
                maximum: Some(2),
                elements: vec![Value::FuncRef(None), Value::FuncRef(Some(u32::MAX))],
            },
            Table { ty: ValType::ExternRef, maximum: None, elements: vec![] },
        ],
        memories,
        dropped_data: vec![0, 5],
        dropped_elements: vec![2],
        host: vec![
            HostState { name: "clock".into(), bytes: vec![1; 8] },
            HostState { name: "wasi_snapshot_preview1".into(), bytes: vec![] },
        ],
    };
    Image { module: std::array::from_fn(|n| n as u8), state }
}

#[test]
fn version_1_is_what_it_was() {
    let fixture = include_bytes!("fixtures/image-v1.bin");
    assert_eq!(Image::read(fixture).unwrap(), sample());
    assert_eq!(sample().to_bytes().unwrap(), fixture);
    let head = ImageHead::read(fixture).unwrap();
    assert_eq!(head.version, 1);
    let ranges: Vec<_> =
        head.runs.iter().flatten().map(|run| (run.memory, run.range, run.file_offset)).collect();
    let expected = [
        (0, PageRange { first: 0x10, pages: 2 }, 0x1000),
        (2, PageRange { first: (1 << 24) - 1, pages: 1 }, 0x3000),
    ];
    assert_eq!(ranges, expected);
}

#[test]
fn every_altered_byte_is_noticed() {
    let bytes = sample().to_bytes().unwrap();
    let head = bytes.iter().rposition(|byte| *byte != 0).unwrap().min(0x1000);
    for at in (0..head).chain([0x1000, 0x2005, bytes.len() - 1]) {
        let mut altered = bytes.clone();
        altered[at] ^= 0x10;
        assert!(Image::read(&altered).is_err(), "{at:#x}");
    }
}

#[test]
fn every_cut_is_noticed() {
    let bytes = sample().to_bytes().unwrap();
    for length in (0..bytes.len()).step_by(37) {
        let error = Image::read(&bytes[..length]).unwrap_err();
        let cut = matches!(error, ImageError::Truncated { .. } | ImageError::FileLength { .. });
        assert!(cut || length == 0, "{length:#x}: {error}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let [stated, found] = [bytes.len() as u64, longer.len() as u64];
    assert_eq!(Image::read(&longer), Err(ImageError::FileLength { stated, found }));
}

#[test]
fn other_files_and_later_versions_are_named() {
    assert_eq!(Image::read(b"\x7fELF\x02\x01\x01"), Err(ImageError::NotAnImage));
    assert_eq!(Image::read(b""), Err(ImageError::NotAnImage));
    let mut later = sample().to_bytes().unwrap();
    later[8] = 2;
    assert_eq!(Image::read(&later), Err(ImageError::Version { found: 2 }));
}

/// A file whose section has other bytes, and checksums that match.
fn with_section(section: usize, bytes: &[u8]) -> Vec<u8> {
    let empty = Image::default().to_bytes().unwrap();
    let line = |n: usize| 64 + 32 * n;
    let length = |n: usize| u64::from_le_bytes(empty[line(n) + 16..][..8].try_into().unwrap()) as usize;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut at = line(6);
    for n in 0..6 {
        parts.push(if n == section { bytes.to_vec() } else { empty[at..][..length(n)].to_vec() });
        at += length(n);
    }
    let mut file = empty[..line(0)].to_vec();
    let mut at = line(6) as u64;
    for (kind, part) in (1_u64..).zip(&parts) {
        let sum = twox_hash::XxHash3_64::oneshot(part);
        [kind, at, part.len() as u64, sum].iter().for_each(|number| file.extend(number.to_le_bytes()));
        at += part.len() as u64;
    }
    file[48..56].copy_from_slice(&at.to_le_bytes());
    let sum = twox_hash::XxHash3_64::oneshot(&[&file[..56], &file[64..]].concat());
    file[56..64].copy_from_slice(&sum.to_le_bytes());
    parts.iter().for_each(|part| file.extend(part));
    file
}

#[test]
fn malformed_sections_are_named() {
    let start = |section: usize| 64 + 32 * 6 + section as u64;
    let cases: [(usize, Section, &[u8], u64, Problem); 11] = [
        (0, Section::Frames, &[], 0, Problem::Short),
        (0, Section::Frames, &[0, 0], 1, Problem::TrailingBytes),
        (0, Section::Frames, &[5, 0], 1, Problem::TooMany),
        (0, Section::Frames, &[1, 1, 3, 4, 9, 0, 0, 0], 5, Problem::UnknownByte),
        (1, Section::Globals, &[1, 0, 7], 3, Problem::UnknownByte),
        (1, Section::Globals, &[1, 0, 5, 1, 0, 0, 0, 2, 0, 0, 0], 11, Problem::Reference),
        (2, Section::Tables, &[0xff, 0xff, 0xff, 0xff, 0x7f], 5, Problem::Number),
        (3, Section::Memories, &[1, 0, 0, 1, 1, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0], 15, Problem::OutOfBounds),
        (3, Section::Memories, &[1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 7, Problem::TooMany),
        (3, Section::Memories, &[1, 2, 0, 0, 0], 2, Problem::UnknownByte),
        (5, Section::Host, &[1, 1, 0xff, 0], 3, Problem::Name),
    ];
    for (number, section, bytes, at, problem) in cases {
        let offset = start(number) + section_start(number) + at;
        let expected = ImageError::Malformed { section, offset, problem };
        assert_eq!(Image::read(&with_section(number, bytes)), Err(expected), "{bytes:?}");
    }
}

/// Bytes of the empty sections before this one, beyond one each: segments are two lists.
fn section_start(section: usize) -> u64 {
    u64::from(section > 4)
}

#[test]
fn pages_that_the_file_does_not_have_are_refused() {
    // One memory of one wasm page, without maximum; one page at 0, with some checksum.
    let file = with_section(3, &[1, 0, 0, 1, 1, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9]);
    let found = file.len() as u64;
    assert_eq!(Image::read(&file), Err(ImageError::FileLength { stated: 0x2000, found }));
}

#[test]
fn states_that_cannot_be_are_refused_both_ways() {
    let mut image = sample();
    image.state.activations[1].frames[0].phase = Phase::Loop;
    let error = StateError::NotInCall { activation: 1, frame: 0, phase: Phase::Loop };
    assert_eq!(image.to_bytes(), Err(error));
    image.state.activations[0].host_call = None;
    assert_eq!(image.to_bytes(), Err(StateError::NobodyCalled { activation: 0 }));

    // One activation, no host call, two frames, the older one at a loop.
    let frames = [1, 2, 3, 4, 1, 0, 0, 3, 4, 1, 0, 0, 0];
    let error = StateError::NotInCall { activation: 0, frame: 0, phase: Phase::Loop };
    let read = Image::read(&with_section(0, &frames)).unwrap_err();
    assert_eq!(read, ImageError::State(error));
    let source = read.source().unwrap().to_string();
    assert_eq!(source, "frame 0 of activation 0 is in phase loop, but waits for a call");
}

#[test]
fn what_states_must_hold_is_checked() {
    type Change = fn(&mut State);
    let cases: [(Change, StateError); 7] = [
        (|s| s.tables[0].ty = ValType::I32, StateError::TableType { table: 0, ty: ValType::I32 }),
        (|s| s.tables[0].ty = ValType::ExternRef, StateError::ElementType { table: 0, element: 0 }),
        (|s| s.tables[0].maximum = Some(1), StateError::TableSize { table: 0, size: 2, maximum: 1 }),
        (|s| s.memories[0].maximum = Some(2), StateError::MemorySize { memory: 0, size: 3, maximum: 2 }),
        (
            |s| s.memories[2].index_type = IndexType::I32,
            StateError::MemorySize { memory: 2, size: 1 << 20, maximum: 1 << 16 },
        ),
        (|s| s.dropped_data = vec![5, 5], StateError::SegmentOrder { segment: 5 }),
        (|s| s.host.swap(0, 1), StateError::HostOrder { part: 1 }),
    ];
    for (change, error) in cases {
        let mut state = sample().state;
        assert_eq!(state.check(), Ok(()));
        change(&mut state);
        assert_eq!(state.check(), Err(error));
    }
}

#[test]
fn only_pages_that_are_not_zero_are_stored() {
    let mut live = vec![0; 64 << 20];
    live[0x12_3456] = 1;
    live[0x12_4000..0x12_6000].fill(7);
    let contents = LinearMemory::new(&live).unwrap();
    let range = PageRange { first: 0x123, pages: 3 };
    assert_eq!(contents.ranges(), [range]);
    let state = State { memories: vec![Memory::new(1024)], ..State::default() };
    let mut file = Vec::new();
    let length = write_image(&[0; 32], &state, &[&contents], &mut file).unwrap();
    assert_eq!((length, file.len()), (4 * 4096, 4 * 4096));
    let run = ImageHead::read(&file).unwrap().runs[0][0];
    assert_eq!((run.range, run.file_offset), (range, 0x1000));
    assert_eq!(run.verify(&file).unwrap(), &live[0x12_3000..0x12_6000]);
    let mut byte = [0];
    Image::read(&file).unwrap().state.memories[0].read(0x12_3456, &mut byte).unwrap();
    assert_eq!(byte, [1]);
}

#[test]
fn an_idle_module_with_one_page_of_memory_is_below_4_kib() {
    let state = State { memories: vec![Memory::new(1)], ..State::default() };
    let image = Image { module: [1; 32], state };
    assert!(image.to_bytes().unwrap().len() < 512);
}

#[test]
fn altered_pages_are_named_by_memory_and_page() {
    let mut bytes = sample().to_bytes().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let part = Part::Pages { memory: 2, first: (1 << 24) - 1 };
    assert_eq!(Image::read(&bytes), Err(ImageError::Checksum { part, offset: 0x3000 }));
    // The head does not depend on them.
    assert!(ImageHead::read(&bytes).is_ok());
}

#[test]
fn a_file_whose_head_was_not_written_is_no_image() {
    struct Torn(Vec<u8>);
    impl midstride_statemap::Sink for Torn {
        type Error = &'static str;
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
            if offset == 0 {
                return Err("killed");
            }
            let Ok(()) = self.0.write_at(offset, bytes);
            Ok(())
        }
    }
    let image = sample();
    let memories: Vec<_> = image.state.memories.iter().map(|memory| memory as &dyn MemoryPages).collect();
    let mut torn = Torn(Vec::new());
    let error = write_image(&image.module, &image.state, &memories, &mut torn).unwrap_err();
    assert_eq!(error, midstride_statemap::WriteError::Sink("killed"));
    assert_eq!(torn.0.len(), 0x4000);
    assert_eq!(Image::read(&torn.0), Err(ImageError::NotAnImage));
}
