//! Scripts and what midlab answers.

use crate::midlab::script;

/// Runs a script line by line with every backend, and holds the answers, which are to be the same.
fn transcript(name: &str, text: &str) {
    let answers: Vec<String> = ["translated", "signal", "ptrace"]
        .into_iter()
        .map(|backend| {
            let done = script(&["--backend", backend], text);
            format!("{}{}status {}\n", done.out, done.err, done.status)
        })
        .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_description(text);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, answers[0]));
    assert_eq!(answers[0], answers[1], "translated and signal");
    assert_eq!(answers[0], answers[2], "translated and ptrace");
}

#[test]
fn instructions_show_encodings_and_changes() {
    transcript(
        "instructions",
        "mov eax, 7; imul eax, eax\n\
         48 01 c0\n\
         push rax\n\
         xor ecx, ecx\n\
         set xmm1.f32 = 1, 2, 3, 4\n\
         addps xmm1, xmm1\n\
         regs xmm1\n\
         fld1\n\
         mov ecx, 3; .loop: add rbx, rcx; dec ecx; jnz .loop\n\
         mov ecx, 2; .loop: add rbx, rcx; dec ecx; jnz .loop\n\
         inc [rsp]\n\
         stack 2\n",
    );
}

#[test]
fn data_is_added_and_not_run() {
    transcript(
        "data",
        "x: dd 1, 2, 3, 4\n\
         mov esi, offset x\n\
         mov eax, [rsi+rdi*4+8]\n\
         set [x+4].u32 = 0x20, 0x30\n\
         mem x 4 as u32\n\
         mem rsi 16\n\
         mem x 2 as f32\n\
         list\n",
    );
}

#[test]
fn programs_are_run_stepped_and_stopped() {
    transcript(
        "program",
        "load sum.s\n\
         list\n\
         break .loop if ecx == 2\n\
         run\n\
         break\n\
         step\n\
         step 3\n\
         delete\n\
         break 12\n\
         continue\n\
         step 3\n\
         continue\n\
         diff\n\
         undo\n\
         assert rax == 30\n",
    );
}

#[test]
fn a_program_goes_on_after_a_reload() {
    transcript(
        "reload",
        "load sum.s\n\
         break .loop if ecx == 2\n\
         run\n\
         reload sum-changed.s\n\
         list\n\
         delete\n\
         continue\n\
         assert eax == 30\n",
    );
}

#[test]
fn a_running_program_is_looked_at_changed_and_reloaded() {
    for backend in ["translated", "signal", "ptrace"] {
        let text = "load spin.s\ngo\nassert rip < 0x10000020\nmov eax, 1";
        let busy = script(&["--backend", backend], text);
        assert_eq!(busy.status, 2, "{backend}: {}{}", busy.out, busy.err);
        assert!(busy.err.contains("is running"), "{}", busy.err);
        let text = "load spin.s\ngo\nset ebx = 7\nmem count 1 as u64\nassert ebx == 7\nreload spin-ends.s\ncontinue\n\
                    assert eax == 77\nassert ebx == 7\nstep\ngo\nstop\nstop\n";
        let done = script(&["--backend", backend], text);
        assert!(done.out.contains("returned"), "{backend}: {}{}", done.out, done.err);
        assert!(done.err.contains("nothing to stop"), "{backend}: {}{}", done.out, done.err);
    }
}

#[test]
fn faults_name_signal_address_and_instruction() {
    transcript(
        "faults",
        "mov rax, 0x4000\n\
         nop; mov [rax+8], ecx; nop\n\
         set rax = rsp\n\
         continue\n\
         xor ecx, ecx; div ecx\n\
         ud2\n\
         hlt\n\
         int3\n\
         set rcx = 0x1234567890\n\
         jmp rcx\n\
         regs\n",
    );
}

#[test]
fn jumps_to_addresses_of_the_listing_arrive() {
    transcript(
        "addresses",
        "lea rax, [rip+there]; jmp rax; ud2; there: mov ebx, 5\n\
         mov edx, offset there\n\
         call rdx\n\
         set rip = there\n\
         step\n",
    );
}

#[test]
fn undo_takes_registers_memory_and_program_back() {
    transcript(
        "undo",
        "x: dq 5\n\
         mov eax, 1\n\
         add [x], eax; push rax\n\
         mem x 1 as u64\n\
         undo\n\
         mem x 1 as u64\n\
         list\n\
         undo\n\
         undo\n\
         list\n\
         undo\n",
    );
}

#[test]
fn programs_that_go_wrong_are_survived() {
    transcript(
        "survival",
        "xor esp, esp; push rax\n\
         set rsp = 0x1200ff00\n\
         f: call f\n\
         set rsp = 0x1200ff00\n\
         mov eax, 57; syscall\n\
         mov eax, 231; mov edi, 5; syscall\n\
         mov rax, 0x8000000000000000; jmp rax\n\
         ret\n\
         mov ebx, 5\n",
    );
}

#[test]
fn commands_that_fail_are_not_undone() {
    let done = script(&["-c", "mov eax, 1", "-c", "undo", "-c", "assert eax == 0"], "");
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    let failed = script(&["-c", "undo"], "");
    assert!(failed.err.contains("nothing to undo"), "{}", failed.err);
}

#[test]
fn what_is_wrong_is_pointed_at_and_ends_a_script() {
    transcript("error", "mov eax, 1\nmov eax, bl ; nop\nmov eax, 2\n");
}

#[test]
fn help_explains_and_lists_forms() {
    transcript(
        "help",
        "help\nhelp break\nhelp syntax\nhelp xadd\nasm vaddps zmm1{k1}{z}, zmm2, [rax]{1to16}\ndis c5f877\n",
    );
}
