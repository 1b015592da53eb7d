//! Facts about ELF files, most of them about this test's own executable.

use std::path::Path;

use super::elf::{Content, Facts, Segment};
use super::functions::{Function, function_at, functions};
use super::totals::demangle;

fn segment(vaddr: u64, offset: u64, bytes: u64, content: Content) -> Segment {
    Segment { vaddr, offset, file_bytes: bytes, memory_bytes: bytes, content }
}

fn facts(segments: Vec<Segment>) -> Facts {
    Facts { segments, executable_bytes: 0, entry: 0 }
}

#[test]
fn a_shared_page_belongs_to_the_code_that_is_mapped_from_it() {
    let data = segment(0, 0, 0x2c4, Content::Data);
    let code = segment(0x12c4, 0x2c4, 0x42, Content::Code);
    let facts = facts(vec![data, code]);
    assert_eq!(facts.address_of(0), Some(0x1000));
    assert_eq!(facts.offset_of(0x12c8), Some(0x2c8));
    assert_eq!((facts.offset_of(0x1306), facts.base(), facts.span()), (None, 0, 0x1306));
}

#[test]
fn a_mapping_from_the_middle_of_a_segment_is_found() {
    let facts = facts(vec![segment(0x40_1000, 0x1000, 0x5000, Content::Code)]);
    assert_eq!(facts.address_of(0x3000), Some(0x40_3000));
    assert_eq!(facts.address_of(0x6000), None);
    assert_eq!(facts.base(), 0x40_1000);
}

/// Stays a function of its own, whatever the compiler makes of the test.
#[inline(never)]
fn a_function_with_a_name() {
    std::hint::black_box(());
}

#[test]
fn this_executable_has_code_and_this_function() {
    std::hint::black_box(a_function_with_a_name as fn())();
    let path = Path::new("/proc/self/exe");
    let facts = Facts::read(path).expect("an ELF file");
    assert!(facts.executable_bytes > 0x1000 && facts.span() > facts.executable_bytes);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let start = u64::from_str_radix(maps.split('-').next().unwrap(), 16).unwrap();
    let address = |function: fn()| function as *const () as u64 - start + facts.base();
    let here = address(this_executable_has_code_and_this_function);
    let own = address(a_function_with_a_name);
    let functions = functions(path, &[own + 1, here, own, facts.base()]);
    assert_eq!(functions.len(), 2, "{functions:?}");
    assert!(functions[0].start < functions[1].start, "ascending");
    let found = function_at(&functions, own).expect("the test binary has symbols");
    assert!(found.start == own && found.name.contains("a_function_with_a_name"), "{found:?}");
    assert_eq!(function_at(&functions, found.end - 1), Some(found));
    assert!(facts.offset_of(own).is_some());
}

#[test]
fn an_address_between_functions_belongs_to_none() {
    let function = |start, end| Function { start, end, name: "f".to_owned() };
    let functions = [function(10, 20), function(30, 40)];
    let found = |at| function_at(&functions, at).map(|function| function.start);
    assert_eq!(
        [9, 10, 19, 20, 29, 30, 40].map(found),
        [None, Some(10), Some(10), None, None, Some(30), None]
    );
}

#[test]
fn files_that_are_no_elf_files_have_no_facts() {
    for path in ["/etc/passwd", "/no/such/file", "/usr", "/dev/zero"] {
        assert_eq!(
            (Facts::read(Path::new(path)), functions(Path::new(path), &[1]).len()),
            (None, 0),
            "{path}"
        );
    }
}

#[test]
fn names_are_demangled() {
    let cases = [
        ("main", "main"),
        ("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt"),
        (
            "_ZNSt6vectorIiSaIiEE9push_backERKi",
            "std::vector<int, std::allocator<int> >::push_back(int const&)",
        ),
        ("_Zbroken", "_Zbroken"),
    ];
    cases.iter().for_each(|&(name, expected)| assert_eq!(demangle(name), expected));
}
