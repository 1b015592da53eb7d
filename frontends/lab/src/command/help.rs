//! Explanations.

use iced_x86::Code;
use midstride_syntax::forms_of;

use super::table::{named, specs};
use crate::error::Error;
use crate::event::Event;
use crate::session::Sink;

const INTRODUCTION: &str = "\
Type instructions in Intel syntax, several with `;` between them, or bytes in hex: they are added to the
program and run at once, and what changed is shown. Labels stay: `.loop: dec rcx; jnz .loop`.
Data (`x: dd 1.5`) is added and not run. A line that ends with `\\` goes on in the next.
";

const END: &str = "
`help COMMAND` tells more, `help INSTRUCTION` lists its forms, `help syntax` says how code is written.";

const SYNTAX: &str = "\
statements   mov eax, 1; add eax, 2        # a comment
bytes        48 01 d8                      or 4801d8, or .code 0x48, 1, 0xd8
labels       name:  .local:                jmp name, jnz .local, $ is the statement's own address
numbers      10  0x1f  1fh  0b101  'a'     with + - * / % & | ^ ~ << >> and parentheses
constants    SIZE = 8                      or SIZE equ 8
memory       [rax+rcx*8-4]  [rip+8]        dword ptr [rax], fs:[0x28], [label], [abs 0x1000]
sizes        byte word dword qword fword tbyte xmmword ymmword zmmword, when no register tells
vectors      zmm1{k1}{z}  [rax]{1to16}     {rn-sae} {sae} {evex}
prefixes     lock rep repne bnd notrack xacquire xrelease data16 addr32
branches     jmp short x  jmp near x       the shortest that reaches, when neither is written
data         x: dd 1, 2.5                  db dw dd dq .byte .word .long .quad .float .double .asciz
space        .zero 16  .align 16";

/// Explains a command or an instruction, or lists all commands.
pub(crate) fn help(topic: &str, sink: Sink<'_>) -> Result<(), Error> {
    let text = match (topic, named(topic)) {
        ("", _) => overview(),
        ("syntax", _) => SYNTAX.to_owned(),
        (_, Some(spec)) => {
            let names = spec.names.join(", ");
            let lines = [spec.usage, "\n  ", spec.summary, ". (", &names, ")\n", spec.details];
            lines.concat().trim_end().to_owned()
        }
        (name, None) => forms(name).ok_or_else(|| Error::unknown("command or instruction", name))?,
    };
    sink(Event::Text(text));
    Ok(())
}

fn overview() -> String {
    let mut text = String::from(INTRODUCTION);
    for spec in specs() {
        let (usage, _) = spec.usage.split_once("  or  ").unwrap_or((spec.usage, ""));
        text += &format!("\n{usage:<44}{}", spec.summary);
    }
    text + "\n" + END
}

/// The forms of an instruction with their encodings and what they need.
fn forms(name: &str) -> Option<String> {
    let line = |code: Code| {
        let (info, features) = (code.op_code(), code.cpuid_features());
        let features: Vec<String> = features.iter().map(|feature| format!("{feature:?}")).collect();
        let (form, encoding) = (info.instruction_string(), info.op_code_string());
        format!("{form:<47} {encoding:<35} {}", features.join(" "))
    };
    let lines: Vec<String> = forms_of(name).map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
