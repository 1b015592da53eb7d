//! Whole sources: addresses, labels, sizes of branches; and texts that are nothing.

use arbtest::arbitrary::Unstructured;
use midstride_syntax::{
    ErrorKind, ItemKind, Span, assemble, directives, forms_of, mnemonics, prefixes, registers,
};

use crate::forms::IP;

#[test]
fn branches_are_as_short_as_they_can_be() {
    for (filler, bytes) in [(126, 2), (127, 2), (128, 5), (4000, 5)] {
        let source = format!("jmp x; .zero {filler}; x: ret");
        let assembly = assemble(&source, IP).unwrap();
        assert_eq!(assembly.items[0].bytes.len(), bytes, "{filler}");
        assert_eq!(assembly.labels["x"], IP + bytes as u64 + filler);
    }
}

#[test]
fn a_branch_that_grows_makes_others_grow() {
    // The second one only just reaches as long as the first is short.
    let source = "a: jmp c; .zero 100; b: .zero 20; jz a; .zero 200; c: ret";
    let assembly = assemble(source, IP).unwrap();
    let sizes: Vec<_> =
        assembly.items.iter().filter(|item| item.insn().is_some()).map(|item| item.bytes.len()).collect();
    assert_eq!(sizes, [5, 2, 1]);
    let longer = source.replace("20;", "22;");
    assert_eq!(assemble(&longer, IP).unwrap().items[3].bytes.len(), 6);
}

#[test]
fn local_labels_belong_to_the_one_before() {
    let source = "f: .l: dec ecx; jnz .l; ret; g: .l: inc ecx; jnz .l; jmp f.l";
    let assembly = assemble(source, IP).unwrap();
    assert_eq!(assembly.labels.keys().collect::<Vec<_>>(), ["f", "f.l", "g", "g.l"]);
    assert_eq!(assembly.items.last().unwrap().insn().unwrap().near_branch_target(), IP);
}

#[test]
fn local_labels_of_one_name_are_known_elsewhere() {
    let source = "f: .l: dec ecx; g: jnz .l";
    assert_eq!(assemble(source, IP).unwrap().items[1].insn().unwrap().near_branch_target(), IP);
    let twice = format!("{source}; h: .l: ret");
    assert_eq!(assemble(&twice, IP).unwrap_err().kind, ErrorKind::UndefinedLabel);
}

#[test]
fn items_name_their_place_in_the_source() {
    let source = "start: mov eax, 1\n  db 'x' # text\n.align 8";
    let assembly = assemble(source, IP).unwrap();
    let texts: Vec<_> = assembly.items.iter().map(|item| item.span.text(source)).collect();
    assert_eq!(texts, ["mov eax, 1", "db 'x'", ".align 8"]);
    assert_eq!(assembly.items[1].kind, ItemKind::Data);
    assert_eq!(assembly.items[1].span.location(source).to_string(), "line 2, column 3");
    assert_eq!((assembly.items[2].address, assembly.end()), (IP + 6, IP + 8));
    assert_eq!(Span { start: 90, end: 99 }.text(source), "");
}

#[test]
fn code_written_as_bytes_is_no_data() {
    let assembly = assemble(".code 0x48, 1, 0xd8", IP).unwrap();
    assert_eq!((assembly.items[0].kind, assembly.bytes()), (ItemKind::Raw, vec![0x48, 1, 0xd8]));
}

#[test]
fn forms_are_listed_once() {
    let forms: Vec<_> = forms_of("imul").map(|code| format!("{code:?}")).collect();
    assert!(forms.contains(&"Imul_r32_rm32".to_owned()), "{forms:?}");
    assert_eq!(forms.len(), 13);
    assert_eq!(forms_of("nonsense").count(), 0);
}

#[test]
fn names_are_known_by_thousands() {
    assert!(mnemonics().count() > 1900 && registers().count() > 240);
    for name in ["mov", "jnz", "vaddps", "cmpltps", "movs", "sal", "movabs"] {
        assert!(mnemonics().any(|known| known == name), "{name}");
    }
    assert!(prefixes().any(|name| name == "lock") && directives().any(|name| name == ".byte"));
}

const WORDS: [&str; 64] = [
    "mov",
    "add",
    "jmp",
    "vaddps",
    "lea",
    "call",
    "movs",
    "fld",
    "x:",
    "x",
    ".l:",
    ".l",
    "eax",
    "rsp",
    "ah",
    "r9b",
    "xmm1",
    "zmm31",
    "k1",
    "st",
    "st(1)",
    "fs",
    "rip",
    "[",
    "]",
    "(",
    ")",
    "+",
    "-",
    "*",
    "/",
    "<<",
    ",",
    ";",
    "\n",
    ":",
    "{k1}",
    "{z}",
    "{1to8}",
    "{sae}",
    "'a'",
    "\"",
    "'",
    "{",
    "0x",
    "18446744073709551615",
    "-1",
    "8",
    "0",
    "$",
    "=",
    "equ",
    "lock",
    "rep",
    "short",
    "far",
    "ptr",
    "dword",
    "db",
    "dq",
    ".align",
    ".zero",
    "#",
    "é",
];

#[test]
fn any_text_is_assembled_or_refused() {
    let check = |u: &mut Unstructured<'_>| {
        let mut source = String::new();
        while !u.is_empty() && source.len() < 400 {
            source.push_str(match u.ratio(1, 12)? {
                true => u.arbitrary()?,
                false => u.choose(&WORDS)?,
            });
            source.push_str(if u.ratio(4, 5)? { " " } else { "" });
        }
        if let Err(error) = assemble(&source, IP) {
            assert!(!error.report(&source).to_string().is_empty());
            assert!(source.get(error.span.start..error.span.end).is_some(), "{source:?} {error:?}");
        }
        Ok(())
    };
    arbtest::arbtest(check).budget_ms(4000);
}

#[test]
fn nesting_and_length_are_limited() {
    for source in [
        format!("mov eax, {}1", "-".repeat(100_000)),
        format!("mov eax, {}1", "(".repeat(100_000)),
        format!("mov eax, 1{}", "+1".repeat(100_000)),
        ".zero 1 << 40".to_owned(),
        ".zero 1 << 24; .zero 1".to_owned(),
        "mov eax, 1/0".to_owned(),
        "mov eax, 0xffffffffffffffff*0xffffffffffffffff*0xffffffffffffffff".to_owned(),
    ] {
        assert!(assemble(&source, IP).is_err(), "{}", &source[..20.min(source.len())]);
    }
}
