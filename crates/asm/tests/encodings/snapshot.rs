//! A listing of each group of forms, a few operands each.

use midstride_addr::CachePc;
use midstride_asm::{Width, Writer};
use midstride_testkit::listing;

use crate::form::{Args, Form, Visit};
use crate::operand::PC;
use crate::table;

/// Combinations shown of each form and width.
const SHOWN: usize = 2;

/// Listings of the forms, each on its own, so that a new one changes no other.
#[derive(Default)]
struct Listings(String);

impl Visit for Listings {
    fn form<A: Args>(&mut self, form: Form<'_>, emit: impl Fn(&mut Writer<'_>, Width, A)) {
        let mut buffer = [0; 16 * SHOWN * Width::ALL.len()];
        let mut w = Writer::new(&mut buffer, CachePc::new(PC));
        for &width in form.widths {
            let fits = |&n: &usize| A::nth(n).operands(width, form.sizes).is_some();
            let fitting: Vec<usize> = (0..A::count()).filter(fits).collect();
            for pick in 0..SHOWN.min(fitting.len()) {
                let n = pick * fitting.len() / SHOWN + spread(form.method, width);
                emit(&mut w, width, A::nth(fitting[n % fitting.len()]));
            }
        }
        let code = w.finish().expect("the oracle's operands can be encoded");
        self.0 += &format!("{}\n{}\n", form.method, listing(code.bytes()));
    }
}

/// A number that lets forms not all show the same registers.
fn spread(method: &str, width: Width) -> usize {
    method.bytes().chain([width.bytes()]).fold(0, |sum, byte| (sum * 31 + usize::from(byte)) % 65_521)
}

macro_rules! snapshots {
    ($($name:ident: $group:ident;)*) => { $(
        #[test]
        fn $name() {
            let mut listings = Listings::default();
            table::$group::visit(&mut listings);
            insta::assert_snapshot!(stringify!($group), listings.0);
        }
    )* };
}

snapshots! {
    moves_are_listed: moves;
    arithmetic_is_listed: arithmetic;
    bit_operations_are_listed: bits;
    transfers_are_listed: flow;
    system_forms_are_listed: system;
    vector_forms_are_listed: vector;
    float_forms_are_listed: float;
    avx_forms_are_listed: avx;
    packed_forms_are_listed: packed;
    lane_forms_are_listed: lanes;
    packed_float_forms_are_listed: packed_float;
}
