//! A large C file for the compiler: many functions of mixed kinds, nothing included.

use std::fmt::Write as _;

/// Makes one function: its text, given its number.
type Template = fn(usize) -> String;

/// The kinds of function, taken in turn.
const TEMPLATES: [Template; 5] = [loops, switch, records, floats, pointers];

/// A translation unit of `count` functions and one that calls them all.
pub(super) fn c_file(count: usize) -> String {
    let mut text = String::from(
        "struct record { int key; unsigned weight; struct record *next; double value; char name[24]; };\n",
    );
    for n in 0..count {
        text += &TEMPLATES[n % TEMPLATES.len()](n);
    }
    text += "long all(int x, struct record *r, double *d)\n{\n\tlong sum = 0;\n";
    for n in 0..count {
        writeln!(text, "\tsum += f{n}(x + {n}, r, d);").expect("a string takes any text");
    }
    text + "\treturn sum;\n}\n"
}

fn loops(n: usize) -> String {
    let (step, mask) = (n % 7 + 1, n % 61 + 2);
    format!(
        "static long f{n}(int x, struct record *r, double *d)
{{
\tlong sum = {n};
\tfor (int i = 0; i < x; i += {step}) {{
\t\tfor (int j = i; j > 0; j >>= 1)
\t\t\tsum += (i ^ j) & {mask};
\t\tif (sum % {mask} == {step})
\t\t\tsum -= r[i % {mask}].key * (long)d[i & 3];
\t}}
\treturn sum;
}}
"
    )
}

fn switch(n: usize) -> String {
    let mut text = format!(
        "static long f{n}(int x, struct record *r, double *d)\n{{\n\tlong sum = x;\n\twhile (r) {{\n\t\tswitch (r->key) {{\n"
    );
    for case in 0..12 + n % 9 {
        let constant = (n * 31 + case * 17) % 251;
        writeln!(text, "\t\tcase {case}: sum = sum * {constant} + r->weight; if (sum < x) d[{case} & 3] += {case}; break;")
            .expect("a string takes any text");
    }
    text + "\t\tdefault: return sum;\n\t\t}\n\t\tr = r->next;\n\t}\n\treturn sum;\n}\n"
}

fn records(n: usize) -> String {
    let length = n % 16 + 4;
    format!(
        "static long f{n}(int x, struct record *r, double *d)
{{
\tstruct record copy[{length}];
\tfor (int i = 0; i < {length}; i++) {{
\t\tcopy[i] = r[i];
\t\tcopy[i].key += x * i;
\t\tcopy[i].next = i ? &copy[i - 1] : 0;
\t\tfor (int c = 0; c < 24 && copy[i].name[c]; c++)
\t\t\tcopy[i].weight = copy[i].weight * 33 ^ (unsigned char)copy[i].name[c];
\t}}
\tlong sum = 0;
\tfor (struct record *p = &copy[{length} - 1]; p; p = p->next)
\t\tsum += p->key > (int)p->weight ? p->key : (long)(p->value + d[0]);
\treturn sum;
}}
"
    )
}

fn floats(n: usize) -> String {
    let order = n % 5 + 3;
    format!(
        "static long f{n}(int x, struct record *r, double *d)
{{
\tdouble a[{order}][{order}], b = r->value;
\tfor (int i = 0; i < {order}; i++)
\t\tfor (int j = 0; j < {order}; j++)
\t\t\ta[i][j] = i == j ? x + b : d[(i + j) & 3] / (i + j + 1);
\tfor (int k = 0; k < {order}; k++)
\t\tfor (int i = k + 1; i < {order}; i++) {{
\t\t\tdouble q = a[i][k] / a[k][k];
\t\t\tfor (int j = k; j < {order}; j++)
\t\t\t\ta[i][j] -= q * a[k][j];
\t\t}}
\tfor (int i = 0; i < {order}; i++)
\t\tb *= a[i][i] > 0 ? a[i][i] : -a[i][i];
\treturn (long)b;
}}
"
    )
}

fn pointers(n: usize) -> String {
    let limit = n % 100 + 10;
    format!(
        "static long f{n}(int x, struct record *r, double *d)
{{
\tstruct record *slow = r, *fast = r, **link = &r;
\twhile (fast && fast->next) {{
\t\tslow = slow->next;
\t\tfast = fast->next->next;
\t\tif (slow == fast)
\t\t\treturn slow->key;
\t}}
\tfor (int i = 0; *link && i < {limit}; i++) {{
\t\tstruct record *here = *link;
\t\tif ((here->key & x) == {n} % 3) {{
\t\t\t*link = here->next;
\t\t\there->next = slow;
\t\t\tslow = here;
\t\t}} else {{
\t\t\tlink = &here->next;
\t\t}}
\t}}
\treturn slow ? slow->key + (long)d[1] : x;
}}
"
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::bench::measure::tests::CHILDREN;

    #[test]
    fn every_function_is_defined_once_and_called_once() {
        let text = c_file(10);
        for n in 0..10 {
            assert_eq!(text.matches(&format!("static long f{n}(")).count(), 1);
            assert_eq!(text.matches(&format!("+= f{n}(")).count(), 1);
        }
    }

    #[test]
    fn the_compiler_takes_it() {
        let Some(cc) = crate::shell::find(&["cc"]) else {
            println!("not run: there is no C compiler");
            return;
        };
        let _turn = CHILDREN.lock().unwrap();
        let mut cc =
            Command::new(cc).args(["-fsyntax-only", "-xc", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        cc.stdin.take().unwrap().write_all(c_file(TEMPLATES.len() * 2).as_bytes()).unwrap();
        assert!(cc.wait().unwrap().success());
    }
}
