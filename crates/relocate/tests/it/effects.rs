//! Registers, flags and memory that instructions use and change.

use midstride_asm::Gpr::{self, R8, R11, Rax, Rbp, Rbx, Rcx, Rdi, Rdx, Rsi, Rsp};
use midstride_relocate::{Effects, FlagSet, GprSet, Live, MemoryUse, Scanner, live_in};

use crate::copy::insn;

fn effects(bytes: &[u8]) -> Effects {
    Scanner::new().effects(&insn(bytes))
}

fn gprs<const N: usize>(gprs: [Gpr; N]) -> GprSet {
    gprs.into_iter().collect()
}

/// Reads, writes in full, touches.
#[track_caller]
fn assert_gprs<const R: usize, const W: usize, const T: usize>(
    bytes: &[u8],
    read: [Gpr; R],
    written: [Gpr; W],
    touched: [Gpr; T],
) {
    let effects = effects(bytes);
    let got = (effects.gpr_read, effects.gpr_written, effects.gpr_touched);
    assert_eq!(got, (gprs(read), gprs(written), gprs(touched)), "{:?}", insn(bytes));
}

const AF: FlagSet = FlagSet::AF;
const CF: FlagSet = FlagSet::CF;
const DF: FlagSet = FlagSet::DF;
const OF: FlagSet = FlagSet::OF;
const PF: FlagSet = FlagSet::PF;
const SF: FlagSet = FlagSet::SF;
const ZF: FlagSet = FlagSet::ZF;
const NONE: FlagSet = FlagSet::EMPTY;
const STATUS: FlagSet = FlagSet::STATUS;

/// Reads, may write, certainly overwrites.
#[track_caller]
fn assert_flags(bytes: &[u8], read: FlagSet, written: FlagSet, overwritten: FlagSet) {
    let effects = effects(bytes);
    let got = (effects.flags_read, effects.flags_written, effects.flags_overwritten);
    assert_eq!(got, (read, written, overwritten), "{:?}", insn(bytes));
}

#[test]
fn full_writes_are_64_and_32_bits_wide() {
    assert_gprs(&[0x48, 0x89, 0xc8], [Rcx], [Rax], [Rax, Rcx]);
    assert_gprs(&[0x89, 0xc8], [Rcx], [Rax], [Rax, Rcx]);
    assert_gprs(&[0x66, 0x89, 0xc8], [Rcx], [], [Rax, Rcx]);
    assert_gprs(&[0x88, 0xc8], [Rcx], [], [Rax, Rcx]);
    assert_gprs(&[0x88, 0xcc], [Rcx], [], [Rax, Rcx]);
    assert_gprs(&[0x40, 0x88, 0xcc], [Rcx], [], [Rsp, Rcx]);
    assert_gprs(&[0x0f, 0x94, 0xc0], [], [], [Rax]);
}

#[test]
fn conditional_writes_are_no_writes() {
    // cmov of 64 bits may leave its destination alone; of 32 bits it clears the upper half in any case.
    assert_gprs(&[0x48, 0x0f, 0x44, 0xc1], [Rcx], [], [Rax, Rcx]);
    assert_gprs(&[0x0f, 0x44, 0xc1], [Rax, Rcx], [Rax], [Rax, Rcx]);
    assert_gprs(&[0x0f, 0xbc, 0xc1], [Rcx], [], [Rax, Rcx]);
    assert_gprs(&[0x0f, 0x02, 0xc1], [Rcx], [], [Rax, Rcx]);
    assert_gprs(&[0x48, 0x0f, 0xb1, 0x11], [Rax, Rcx, Rdx], [], [Rax, Rcx, Rdx]);
    assert_gprs(&[0xf3, 0xac], [Rcx, Rsi], [], [Rax, Rcx, Rsi]);
}

#[test]
fn rdssp_keeps_its_destination_where_there_is_no_shadow_stack() {
    assert_gprs(&[0xf3, 0x48, 0x0f, 0x1e, 0xc8], [], [], [Rax]);
    assert_gprs(&[0xf3, 0x0f, 0x1e, 0xc8], [], [], [Rax]);
}

#[test]
fn emulated_system_registers_keep_the_upper_half_of_their_destination() {
    assert_gprs(&[0x0f, 0x01, 0xe0], [], [], [Rax]);
    assert_gprs(&[0x48, 0x0f, 0x00, 0xc1], [], [], [Rcx]);
    assert_gprs(&[0x0f, 0x00, 0xca], [], [], [Rdx]);
}

#[test]
fn pause_with_a_base_bit_is_an_exchange_to_amd() {
    assert_gprs(&[0xf3, 0x41, 0x90], [Rax, R8], [], [Rax, R8]);
    assert_gprs(&[0xf3, 0x90], [], [], []);
    assert_gprs(&[0x41, 0x90], [Rax, R8], [Rax, R8], [Rax, R8]);
}

#[test]
fn bit_counts_that_old_processors_execute_as_scans_keep_what_scans_keep() {
    assert_gprs(&[0xf3, 0x0f, 0xbc, 0xc1], [Rcx], [], [Rax, Rcx]);
    assert_gprs(&[0xf3, 0x0f, 0xbd, 0xc1], [Rcx], [], [Rax, Rcx]);
    assert_flags(&[0xf3, 0x0f, 0xbc, 0xc1], NONE, STATUS, ZF);
    assert_gprs(&[0xf3, 0x0f, 0xb8, 0xc1], [Rcx], [Rax], [Rax, Rcx]);
}

#[test]
fn implicit_registers_count() {
    assert_gprs(&[0xf7, 0xe1], [Rax, Rcx], [Rax, Rdx], [Rax, Rcx, Rdx]);
    assert_gprs(&[0xf7, 0xf1], [Rax, Rcx, Rdx], [Rax, Rdx], [Rax, Rcx, Rdx]);
    assert_gprs(&[0x48, 0x0f, 0xc7, 0x0e], [Rax, Rbx, Rcx, Rdx, Rsi], [], [Rax, Rbx, Rcx, Rdx, Rsi]);
    assert_gprs(&[0xc4, 0xe2, 0xbb, 0xf6, 0xc1], [Rcx, Rdx], [Rax, R8], [Rax, R8, Rcx, Rdx]);
    assert_gprs(&[0xd7], [Rax, Rbx], [], [Rax, Rbx]);
    assert_gprs(&[0x0f, 0xa2], [Rax, Rcx], [Rax, Rbx, Rcx, Rdx], [Rax, Rbx, Rcx, Rdx]);
    assert_gprs(&[0x0f, 0x01, 0xf9], [], [Rax, Rcx, Rdx], [Rax, Rcx, Rdx]);
    assert_gprs(&[0xd3, 0xe0], [Rax, Rcx], [Rax], [Rax, Rcx]);
    assert_gprs(&[0xf3, 0xa4], [Rcx, Rdi, Rsi], [], [Rcx, Rdi, Rsi]);
    assert_gprs(&[0xa4], [Rdi, Rsi], [Rdi, Rsi], [Rdi, Rsi]);
    assert_gprs(&[0x99], [Rax], [Rdx], [Rax, Rdx]);
    assert_gprs(&[0x66, 0x0f, 0xf7, 0xc1], [Rdi], [], [Rdi]);
}

#[test]
fn stack_instructions_use_rsp() {
    assert_gprs(&[0x50], [Rax, Rsp], [Rsp], [Rax, Rsp]);
    assert_gprs(&[0x58], [Rsp], [Rax, Rsp], [Rax, Rsp]);
    assert_gprs(&[0xc9], [Rbp], [Rbp, Rsp], [Rbp, Rsp]);
    assert_gprs(&[0xe8, 0, 0, 0, 0], [Rsp], [Rsp], [Rsp]);
    assert_gprs(&[0xc3], [Rsp], [Rsp], [Rsp]);
    assert_gprs(&[0xff, 0x14, 0xc8], [Rax, Rcx, Rsp], [Rsp], [Rax, Rcx, Rsp]);
}

#[test]
fn addresses_are_read_also_where_memory_is_not() {
    assert_gprs(&[0x48, 0x8d, 0x04, 0x8b], [Rbx, Rcx], [Rax], [Rax, Rbx, Rcx]);
    assert_gprs(&[0x0f, 0x18, 0x03], [Rbx], [], [Rbx]);
    assert_gprs(&[0xc4, 0xc2, 0x6d, 0x90, 0x04, 0x0b], [R11], [], [R11]);
}

#[test]
fn zeroing_idioms_read_nothing() {
    assert_gprs(&[0x31, 0xc0], [], [Rax], [Rax]);
    assert_gprs(&[0x29, 0xc0], [], [Rax], [Rax]);
    assert_gprs(&[0x30, 0xc0], [], [], [Rax]);
}

#[test]
fn counted_branches_use_rcx() {
    assert_gprs(&[0xe2, 0], [Rcx], [Rcx], [Rcx]);
    assert_gprs(&[0x67, 0xe2, 0], [Rcx], [Rcx], [Rcx]);
    assert_gprs(&[0xe3, 0], [Rcx], [], [Rcx]);
    assert_flags(&[0xe1, 0], ZF, NONE, NONE);
    assert_flags(&[0xe2, 0], NONE, NONE, NONE);
}

#[test]
fn arithmetic_overwrites_the_status_flags() {
    assert_flags(&[0x01, 0xc8], NONE, STATUS, STATUS);
    assert_flags(&[0x11, 0xc8], CF, STATUS, STATUS);
    assert_flags(&[0xff, 0xc0], NONE, STATUS.minus(CF), STATUS.minus(CF));
    assert_flags(&[0xf7, 0xd0], NONE, NONE, NONE);
    assert_flags(&[0xf7, 0xd8], NONE, STATUS, STATUS);
}

#[test]
fn logic_clears_af_although_the_manual_leaves_it_undefined() {
    for bytes in [[0x21, 0xc8], [0x09, 0xc8], [0x31, 0xc8], [0x85, 0xc8]] {
        assert_flags(&bytes, NONE, STATUS, STATUS);
        assert_eq!(effects(&bytes).flags_undefined, AF);
    }
}

#[test]
fn undefined_flags_may_be_old_ones() {
    assert_flags(&[0x0f, 0xaf, 0xc1], NONE, STATUS, CF | OF);
    assert_eq!(effects(&[0x0f, 0xaf, 0xc1]).flags_undefined, STATUS.minus(CF | OF));
    assert_flags(&[0xf7, 0xf1], NONE, STATUS, NONE);
    assert_flags(&[0x0f, 0xbc, 0xc1], NONE, STATUS, ZF);
    assert_flags(&[0x0f, 0xa3, 0xc8], NONE, CF | OF | SF | AF | PF, CF);
}

#[test]
fn shifts_by_nothing_keep_flags() {
    assert_flags(&[0xd3, 0xe0], NONE, STATUS, NONE);
    assert_flags(&[0xc1, 0xe0, 0x03], NONE, STATUS, CF | PF | ZF | SF);
    assert_flags(&[0xd1, 0xe0], NONE, STATUS, STATUS.minus(AF));
    assert_flags(&[0xc1, 0xe0, 0x20], NONE, NONE, NONE);
    assert_flags(&[0x48, 0xc1, 0xe0, 0x20], NONE, STATUS, CF | PF | ZF | SF);
    assert_flags(&[0x0f, 0xa5, 0xc8], NONE, STATUS, NONE);
    assert_flags(&[0xd3, 0xd0], CF, CF | OF, NONE);
}

#[test]
fn rotating_all_the_way_round_computes_of() {
    assert_flags(&[0xc0, 0xd0, 0x09], CF, CF | OF, NONE);
    assert_flags(&[0x66, 0xc1, 0xd8, 0x11], CF, CF | OF, NONE);
    assert_flags(&[0xc0, 0xd0, 0x20], NONE, NONE, NONE);
    assert_flags(&[0xc0, 0xd0, 0x01], CF, CF | OF, CF | OF);
}

#[test]
fn shifts_beyond_the_operand_promise_nothing() {
    assert_flags(&[0xc0, 0xe0, 0x09], NONE, STATUS, NONE);
    assert_flags(&[0xc0, 0x20, 0x09], NONE, STATUS, NONE);
    assert_flags(&[0x66, 0x0f, 0xa4, 0xc8, 0x11], NONE, STATUS, NONE);
    assert_flags(&[0xc0, 0xe0, 0x07], NONE, STATUS, CF | PF | ZF | SF);
}

#[test]
fn repeated_comparisons_may_compare_nothing() {
    assert_flags(&[0xa6], DF, STATUS, STATUS);
    assert_flags(&[0xf3, 0xa6], DF, STATUS, NONE);
    assert_flags(&[0xf2, 0xae], DF, STATUS, NONE);
    assert_flags(&[0xf3, 0xa4], DF, NONE, NONE);
}

#[test]
fn flag_instructions_are_exact() {
    assert_flags(&[0x9f], CF | PF | AF | ZF | SF, NONE, NONE);
    assert_flags(&[0x9e], NONE, CF | PF | AF | ZF | SF, CF | PF | AF | ZF | SF);
    assert_flags(&[0x9c], FlagSet::ALL, NONE, NONE);
    assert_flags(&[0x9d], NONE, FlagSet::ALL, FlagSet::ALL);
    assert_flags(&[0xf5], CF, CF, CF);
    assert_flags(&[0xfc], NONE, DF, DF);
    assert_flags(&[0xfd], NONE, DF, DF);
    assert_flags(&[0xdb, 0xf1], NONE, STATUS, STATUS);
}

#[test]
fn conditions_read_the_flags_they_name() {
    let read = [OF, OF, CF, CF, ZF, ZF, CF | ZF, CF | ZF, SF, SF, PF, PF, SF | OF, SF | OF];
    let read = read.into_iter().chain([SF | OF | ZF, SF | OF | ZF]);
    for (code, read) in (0u8..).zip(read) {
        assert_flags(&[0x70 | code, 0], read, NONE, NONE);
        assert_flags(&[0x0f, 0x90 | code, 0xc0], read, NONE, NONE);
        assert_flags(&[0x0f, 0x40 | code, 0xc1], read, NONE, NONE);
    }
}

#[test]
fn whoever_sees_the_whole_state_reads_everything() {
    let handing_over: [&[u8]; 16] = [
        &[0x0f, 0x05],
        &[0xcd, 0x80],
        &[0xcc],
        &[0x0f, 0x0b],
        &[0xcb],
        &[0x48, 0xcf],
        &[0xff, 0x28],
        &[0x66, 0xc3],
        &[0xc7, 0xf8, 0, 0, 0, 0],
        &[0xc6, 0xf8, 1],
        &[0x0f, 0xae, 0x00],
        &[0x0f, 0xae, 0x20],
        &[0x0f, 0xc7, 0x20],
        &[0x0f, 0x01, 0xc1],
        &[0x0f, 0x01, 0xd7],
        &[0x0f, 0x30],
    ];
    for bytes in handing_over {
        assert_eq!(effects(bytes), Effects::EVERYTHING, "{bytes:02x?}");
    }
    assert_eq!(live_in(&Effects::EVERYTHING, Live::NOTHING), Live::EVERYTHING);
}

#[test]
fn memory_use_includes_the_stack_and_implicit_operands() {
    let uses: [(&[u8], MemoryUse); 14] = [
        (&[0x89, 0xc8], MemoryUse::None),
        (&[0x8b, 0x00], MemoryUse::Read),
        (&[0x89, 0x00], MemoryUse::Write),
        (&[0x01, 0x00], MemoryUse::ReadWrite),
        (&[0x48, 0x8d, 0x00], MemoryUse::None),
        (&[0x0f, 0x1f, 0x00], MemoryUse::None),
        (&[0x50], MemoryUse::Write),
        (&[0x58], MemoryUse::Read),
        (&[0xff, 0x30], MemoryUse::ReadWrite),
        (&[0xa4], MemoryUse::ReadWrite),
        (&[0xd7], MemoryUse::Read),
        (&[0xa1, 0, 0, 0, 0, 0, 0, 0, 0], MemoryUse::Read),
        (&[0x0f, 0x01, 0xfc], MemoryUse::Write),
        (&[0x66, 0x0f, 0xf7, 0xc1], MemoryUse::Write),
    ];
    for (bytes, memory) in uses {
        assert_eq!(effects(bytes).memory, memory, "{bytes:02x?}");
    }
}

#[test]
fn liveness_flows_backwards_through_a_block() {
    // add rax, rcx; mov edx, 1; setz dl; inc rbx
    let block: [&[u8]; 4] =
        [&[0x48, 0x01, 0xc8], &[0xba, 1, 0, 0, 0], &[0x0f, 0x94, 0xc2], &[0x48, 0xff, 0xc3]];
    let out = Live { gprs: gprs([Rdx, Rbx]), flags: CF };
    let mut scanner = Scanner::new();
    let states: Vec<Live> = block
        .iter()
        .rev()
        .scan(out, |live, bytes| {
            *live = live_in(&scanner.effects(&insn(bytes)), *live);
            Some(*live)
        })
        .collect();
    let expected = [
        Live { gprs: gprs([Rdx, Rbx]), flags: CF },
        Live { gprs: gprs([Rdx, Rbx]), flags: CF | ZF },
        Live { gprs: gprs([Rbx]), flags: CF | ZF },
        Live { gprs: gprs([Rax, Rcx, Rbx]), flags: NONE },
    ];
    assert_eq!(states, expected);
}

#[test]
fn a_flag_that_an_instruction_may_keep_is_live_before_it() {
    // imul, whose ZF is undefined: AMD's processors keep it. shl by cl. rep cmpsb.
    for bytes in [&[0x0f, 0xaf, 0xc1][..], &[0xd3, 0xe0], &[0xf3, 0xa6]] {
        assert!(live_in(&effects(bytes), Live::EVERYTHING).flags.contains(ZF), "{bytes:02x?}");
    }
    assert!(!live_in(&effects(&[0x01, 0xc8]), Live::EVERYTHING).flags.contains(ZF));
}

#[test]
fn what_is_live_on_either_path_is_live_where_they_part() {
    let taken = Live { gprs: gprs([Rax]), flags: CF };
    let not_taken = Live { gprs: gprs([Rcx]), flags: DF };
    assert_eq!(taken.join(not_taken), Live { gprs: gprs([Rax, Rcx]), flags: CF | DF });
}
