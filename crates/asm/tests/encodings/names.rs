//! The methods that have no line in the table.

use std::collections::BTreeSet;

use midstride_asm::{Width, Writer};

use crate::form::{Args, Form, Visit};
use crate::table;

/// Where forms are declared.
const SOURCES: [&str; 14] = [
    include_str!("../../src/forms/moves.rs"),
    include_str!("../../src/forms/arithmetic.rs"),
    include_str!("../../src/forms/bits.rs"),
    include_str!("../../src/forms/flow.rs"),
    include_str!("../../src/forms/shortest.rs"),
    include_str!("../../src/forms/system.rs"),
    include_str!("../../src/forms/vector.rs"),
    include_str!("../../src/forms/float.rs"),
    include_str!("../../src/forms/avx.rs"),
    include_str!("../../src/forms/packed.rs"),
    include_str!("../../src/forms/lanes.rs"),
    include_str!("../../src/forms/packed_float.rs"),
    include_str!("../../src/label.rs"),
    include_str!("../../src/patch.rs"),
];

/// Public methods of these files that write no instruction of their own, or padding too.
const OTHERS: [&str; 3] = ["new_label", "bind", "place_of"];

/// Collects the methods of the table.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Visit for Names {
    fn form<A: Args>(&mut self, form: Form<'_>, _: impl Fn(&mut Writer<'_>, Width, A)) {
        self.0.insert(form.method.to_owned());
    }
}

/// The methods a source file declares: `"encoding" name(..` in a table, `pub fn name(&mut self..`
/// outside.
fn declared(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = match line.strip_prefix('"') {
            Some(encoding) => encoding.split_once('"')?.1.trim_start(),
            None => line.strip_prefix("pub fn ").filter(|rest| rest.contains("(&mut self"))?,
        };
        let name = rest.split(['(', '[']).next()?;
        (!name.is_empty()).then_some(name)
    })
}

#[test]
fn every_method_has_a_line_in_the_table() {
    let mut names = Names::default();
    table::visit_all(&mut names);
    let methods: BTreeSet<&str> = SOURCES.into_iter().flat_map(declared).collect();
    assert!(methods.len() > 200, "the sources are not read: {methods:?}");
    let forgotten: Vec<_> =
        methods.into_iter().filter(|name| !names.0.contains(*name) && !OTHERS.contains(name)).collect();
    assert!(forgotten.is_empty(), "methods without a line: {forgotten:?}");
}
