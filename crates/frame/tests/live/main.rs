//! The layouts against this processor and this kernel: a thread traps with known registers, and its
//! handler's frame is read with the offsets of this crate.

mod cpu;
mod trap;

use midstride_frame::signal::{SoftwareBytes, UContext};
use midstride_frame::xsave::{self, XsaveHeader, XsaveLayout};
use midstride_frame::{GprFrame, Register};
use trap::{EXPECTED, Trapped};

/// The bytes of a register in an extended floating-point state.
fn bytes_of(state: &[u8], layout: &XsaveLayout, register: Register) -> Vec<u8> {
    let pieces = layout.pieces(register);
    pieces.flat_map(|p| state[p.offset as usize..][..p.bytes as usize].to_vec()).collect()
}

#[test]
fn a_real_frame_holds_the_registers_where_we_look() {
    let Trapped { frame, rsp, after, .. } = trap::trap();
    let read = midstride_frame::signal::SignalFrame::read_gprs(&frame).unwrap();
    let expected = GprFrame { rsp, rip: after, rflags: read.rflags, ..EXPECTED };
    assert_eq!(read, expected);
    // The bits a program always has: 1, and interrupts enabled.
    assert_eq!(read.rflags & 0x202, 0x202);
}

#[test]
fn a_frame_cut_short_is_refused() {
    let Trapped { frame, .. } = trap::trap();
    assert_eq!(midstride_frame::signal::SignalFrame::read_gprs(&frame[..100]), Err(100));
}

#[test]
fn the_structures_agree_with_the_offsets() {
    let Trapped { frame, ucontext, siginfo, .. } = trap::trap();
    let read = midstride_frame::signal::SignalFrame::read_gprs(&frame).unwrap();
    assert_eq!(ucontext.mcontext.gprs(), read);
    // int3 is vector 3, and Linux sends it as "from the kernel".
    assert_eq!((ucontext.mcontext.trapno, siginfo.signo, siginfo.code), (3, 5, 0x80));
    assert_eq!((ucontext.mcontext.cs, ucontext.mcontext.ss), (0x33, 0x2b));
}

#[test]
fn changed_registers_are_what_the_program_goes_on_with() {
    let set = |ucontext: &mut UContext| {
        let mut gprs = ucontext.mcontext.gprs();
        gprs.rax = 0x77;
        ucontext.mcontext.set_gprs(&gprs);
    };
    assert_eq!(trap::trap_changing(set).result, 0x77);
}

#[test]
fn the_vector_state_is_where_cpuid_says() {
    let layout = cpu::layout();
    let Trapped { state, vector, .. } = trap::trap();
    let software = SoftwareBytes::read(&state).expect("an extended state");
    // The kernel leaves out what a thread has no permission for (tile data).
    assert_eq!(software.components & !layout.enabled(), 0);
    assert_eq!(software.area_bytes, layout.standard_bytes(software.components));
    let header = XsaveHeader::read(&state).unwrap();
    assert_eq!((header.present & !software.components, header.compacted), (0, 0));
    let register = bytes_of(&state, &layout, Register::vector(7).unwrap());
    assert_eq!(register[..vector.len()], vector);
}

#[test]
fn upper_vector_and_mask_registers_are_where_cpuid_says() {
    let layout = cpu::layout();
    if layout.enabled() & 1 << xsave::HIGH_ZMM == 0 {
        eprintln!("not run: this processor has no AVX-512");
        return;
    }
    let Trapped { state, .. } = trap::trap_with_avx512();
    assert_eq!(bytes_of(&state, &layout, Register::vector(29).unwrap()), [0xa5; 64]);
    assert_eq!(bytes_of(&state, &layout, Register::mask(3).unwrap()), 0x5678u64.to_le_bytes());
}

#[test]
fn this_processor_agrees_on_the_sizes() {
    let layout = cpu::layout();
    let main = cpu::leaf(0);
    let supported = u64::from(main.eax) | u64::from(main.edx) << 32;
    assert_eq!(layout.standard_bytes(supported), main.ecx, "all it supports");
    assert_eq!(layout.standard_bytes(layout.enabled()), main.ebx, "all that is enabled");
}

#[test]
fn this_processor_compacts_as_we_compute() {
    let layout = cpu::layout();
    if !std::is_x86_feature_detected!("xsavec") {
        eprintln!("not run: this processor has no xsavec");
        return;
    }
    let area = cpu::xsavec(layout.enabled());
    let header = XsaveHeader::read(&area.0).unwrap();
    let mask = header.compacted & !(1 << 63);
    assert_eq!(mask, layout.enabled());
    let offset = layout.compacted_offset(xsave::AVX, mask).unwrap() as usize;
    assert_eq!(area.0[offset + 16 * 7..][..16], [0xc3; 16], "upper half of ymm7");
    assert!(layout.compacted_bytes(mask) as usize <= area.0.len());
}
