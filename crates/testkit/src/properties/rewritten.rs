//! Programs do rewritten what they do natively.

use std::cell::RefCell;

use arbitrary::{Result, Unstructured};
use iced_x86::Code;

use crate::Random;
use crate::compare::{Coverage, Kind, Maker, Rewriting, Steps, Survey, Verdict};

thread_local! {
    /// Made once for a thread: it takes long, and it takes signals.
    static MAKER: RefCell<Option<Maker>> = const { RefCell::new(None) };
}

/// A program, straight or a graph of blocks, compared in all ways to rewrite it, and stepped through in one.
/// Each decision about it is a byte of the input, or a few, until they are used up.
///
/// # Errors
/// When `u` is exhausted.
///
/// # Panics
/// When there is a difference.
pub fn rewritten_code(u: &mut Unstructured<'_>) -> Result<()> {
    let kind = *u.choose(&[Kind::Straight, Kind::Graph])?;
    let stepped = usize::from(u.arbitrary::<u8>()?);
    let shape = u.bytes(u.len())?;
    MAKER.with_borrow_mut(|maker| {
        compare(maker.get_or_insert_with(maker_of_all_forms), Random::of_bytes(shape), kind, stepped);
    });
    Ok(())
}

fn maker_of_all_forms() -> Maker {
    let survey = Survey::of_all_forms(1, 2, &Rewriting::all()[..1]);
    let forms: Vec<Code> = survey.with(Coverage::CarriedOut).collect();
    Maker::new(1, &forms, &Rewriting::all())
}

fn compare(maker: &mut Maker, shape: Random, kind: Kind, stepped: usize) {
    let shown = shape.clone();
    maker.decide_by(shape);
    let mut case = maker.next(kind);
    for rewriter in 0..maker.rewriters() {
        let verdict = maker.compare(&case, rewriter);
        if let Verdict::Different(report) = verdict {
            panic!("{shown:x?}: {report}");
        }
        maker.vary(&mut case);
    }
    let mut steps = Steps::default();
    maker.step_through(&case, stepped % maker.rewriters(), &mut steps);
    assert!(steps.differences.is_empty(), "{shown:x?}: {}", steps.differences[0]);
}
