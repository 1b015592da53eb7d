//! All commands.

/// A command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "they are what the table below says")]
#[non_exhaustive]
pub enum Verb {
    Run,
    Load,
    Reload,
    Save,
    Step,
    Continue,
    Go,
    Stop,
    Break,
    Delete,
    Set,
    Assert,
    Mem,
    Stack,
    Regs,
    Diff,
    Undo,
    Reset,
    List,
    Asm,
    Dis,
    Bench,
    Backend,
    Help,
    Quit,
}

/// What there is to know about a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Which.
    pub verb: Verb,
    /// Its name, and short ones.
    pub names: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// More, and examples.
    pub details: &'static str,
    /// When it can be carried out.
    pub scope: Scope,
}

/// When a command can be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// While the program stands still.
    Still,
    /// While it runs, too.
    Always,
}

const fn spec_of(
    verb: Verb,
    names: &'static [&'static str],
    usage: &'static str,
    summary: &'static str,
    details: &'static str,
) -> Spec {
    Spec { verb, names, usage, summary, details, scope: Scope::Still }
}

impl Spec {
    const fn always(self) -> Self {
        Self { scope: Scope::Always, ..self }
    }
}

/// All commands, in the order in which help shows them.
const SPECS: [Spec; 25] = [
    spec_of(
        Verb::Run,
        &["run", "r"],
        "run [FILE]",
        "run the program, or that of a file, from its start",
        "Starts at the label _start, main or start, else at the first instruction. It ends where control leaves the\n\
         program: behind the last instruction, or by a return from the outermost function.",
    ),
    spec_of(
        Verb::Step,
        &["step", "s"],
        "step [COUNT]",
        "carry out one instruction, or several",
        "step      one instruction, with what it changes\nstep 10   ten of them",
    ),
    spec_of(
        Verb::Continue,
        &["continue", "cont", "c"],
        "continue",
        "go on to the next breakpoint or the end",
        "Goes on where the program stands: behind a breakpoint, a fault, Ctrl-C or steps.",
    ).always(),
    spec_of(
        Verb::Go,
        &["go"],
        "go",
        "run, or go on, without waiting",
        "While the program runs, look at registers and memory, change them, set breakpoints, `reload` it. System calls\n\
         wait for the next command. `stop` stops the program, `continue` waits for it.",
    ),
    spec_of(Verb::Stop, &["stop"], "stop", "stop the program that `go` let run", "").always(),
    spec_of(
        Verb::Break,
        &["break", "b"],
        "break [WHERE [if REGISTER RELATION VALUE]]",
        "stop in front of an instruction; alone, list breakpoints",
        "WHERE is a label, an address or a line of the file; a condition compares a register, without a sign.\n\
         break loop\nbreak 12\nbreak loop if rcx == 3\nbreak .next if al >= 0x80",
    ).always(),
    spec_of(Verb::Delete, &["delete", "d"], "delete [WHERE]", "remove a breakpoint, or all", "").always(),
    spec_of(
        Verb::Set,
        &["set"],
        "set REGISTER = VALUE  or  set [ADDRESS].TYPE = VALUE",
        "change a register, a flag or memory",
        "VALUE may be a sum with labels and registers. TYPE is u8 to u128, i8 to i128, f32, f64.\n\
         set rax = 5\nset ah = 'x'\nset zf = 1\nset xmm0.f32[1] = 2.5\nset ymm1.u32 = 1, 2, 3, 4\n\
         set st0 = 1.5\nset [rsp+8].u32 = 7\nset rip = loop   go on there",
    ).always(),
    spec_of(
        Verb::Regs,
        &["regs", "p"],
        "regs [all|vec|fpu|REGISTER]",
        "show registers",
        "regs        general registers and what is not as after a reset\nregs all    every register\n\
         regs vec    vector and mask registers\nregs fpu    x87 and MMX registers\n\
         regs xmm3   one, by all types",
    ).always(),
    spec_of(
        Verb::Diff,
        &["diff"],
        "diff",
        "show what the last command changed",
        "Compares with the state before the last command that ran something.",
    ).always(),
    spec_of(
        Verb::Mem,
        &["mem", "x"],
        "mem ADDRESS [COUNT] [as TYPE]",
        "show memory",
        "ADDRESS may be a sum with labels and registers; COUNT is in units of TYPE, else in bytes.\n\
         mem rsp\nmem table 16\nmem rdi+rcx*4 8 as f32",
    ).always(),
    spec_of(Verb::Stack, &["stack"], "stack [COUNT]", "show the words on top of the stack", "").always(),
    spec_of(
        Verb::List,
        &["list", "l"],
        "list",
        "show the program with addresses and encodings",
        "The arrow is in front of the instruction that is next.",
    ).always(),
    spec_of(
        Verb::Undo,
        &["undo", "u"],
        "undo",
        "take the last command back",
        "Program, registers, stack and data become what they were; other memory does not.",
    ),
    spec_of(
        Verb::Load,
        &["load"],
        "load FILE",
        "load a file without running it",
        "Replaces the program; registers and stack become as at the start.",
    ),
    spec_of(
        Verb::Reload,
        &["reload"],
        "reload [FILE]",
        "load a changed file into the program where it stands",
        "Instructions that are still there keep their identity: the program goes on where it was. If the\n\
         instruction that is next is gone, it goes on with the next one that is not.",
    ).always(),
    spec_of(Verb::Save, &["save"], "save FILE", "write what was typed into a file", "").always(),
    spec_of(Verb::Reset, &["reset"], "reset", "begin anew: no program, registers as at the start", ""),
    spec_of(
        Verb::Asm,
        &["asm"],
        "asm CODE",
        "assemble without running or adding",
        "asm vaddps zmm1{k1}{z}, zmm2, [rax]{1to16}\nasm jz 0x10000000",
    ).always(),
    spec_of(Verb::Dis, &["dis"], "dis BYTES", "disassemble bytes in hex", "dis 48 01 d8\ndis c5f877").always(),
    spec_of(
        Verb::Bench,
        &["bench"],
        "bench [CODE]",
        "measure how long code takes, or the program",
        "Runs many copies in a row, natively, and shows the nanoseconds of each: the least and the median of 15\n\
         samples. Registers and memory are as before when it is done.\nbench imul eax, eax",
    ),
    spec_of(
        Verb::Assert,
        &["assert"],
        "assert LEFT RELATION RIGHT",
        "an error, and exit status 1, unless it is so",
        "For scripts. Numbers are compared without a sign.\nassert rax == 49\nassert xmm0.f32[0] == 2.5\nassert zf == 1",
    ).always(),
    spec_of(
        Verb::Backend,
        &["backend"],
        "backend [signal|ptrace|translated]",
        "show or change how code is run",
        "translated  in this process, one instruction at a time where it matters; stepping is fast\n\
         signal      in a thread of this process, natively\n\
         ptrace      in a process of its own, which survives whatever code does",
    ),
    spec_of(
        Verb::Help,
        &["help", "h", "?"],
        "help [COMMAND|INSTRUCTION]",
        "explain a command, or list the forms of an instruction",
        "help break\nhelp imul",
    ).always(),
    spec_of(Verb::Quit, &["quit", "exit", "q"], "quit", "leave", "").always(),
];

/// All commands.
pub fn specs() -> impl Iterator<Item = &'static Spec> {
    SPECS.iter()
}

/// The command with this name.
pub(crate) fn verb(name: &str) -> Option<Verb> {
    named(name).map(|spec| spec.verb)
}

pub(crate) fn named(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.names.contains(&name))
}

/// What there is to know about a command.
pub(crate) fn spec(verb: Verb) -> &'static Spec {
    SPECS.iter().find(|spec| spec.verb == verb).expect("every command is in the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_has_the_name_of_an_instruction_or_of_another() {
        let mut names: Vec<_> = specs().flat_map(|spec| spec.names).collect();
        for name in &names {
            assert!(!midstride_syntax::mnemonics().any(|mnemonic| mnemonic == **name), "{name}");
            assert!(!midstride_syntax::directives().any(|directive| directive == **name), "{name}");
        }
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
