//! The way into code by itself.

use std::thread;
use std::time::Duration;

use midstride_asm::{Gpr, Mem, Width, Writer};
use midstride_control::{Left, Passage, PassagePace, Registers, Scope};
use midstride_os::LINUX_PAGES;
use midstride_os::signal::{SIGSEGV, SIGTRAP, TRAP_TRACE};
use midstride_slab::{Place, Region, Sizes, Slab};

/// Code near the passage, which leaves by its way out 1.
fn placed(passage: &Passage, scope: Scope, write: impl FnOnce(&mut Writer<'_>)) -> (Region, u64) {
    let exit = passage.exit(scope, 1);
    let near = Place::near_pc(midstride_addr::AppPc::new(exit.get()));
    let sizes = Sizes { hot: 4096, cold: 4096, data: 4096 };
    let mut region = Region::reserve(&LINUX_PAGES, &near, sizes, 1).unwrap();
    let start = region.slab_range(Slab::Hot).start();
    let mut room = [0; 256];
    let mut w = Writer::new(&mut room, start);
    write(&mut w);
    w.jmp_to(exit);
    let bytes = w.finish().unwrap().bytes().to_vec();
    let mut span = region.unit(0).unwrap().alloc_hot(bytes.len() as u64, 1).unwrap();
    region.write(&mut span, &bytes).unwrap();
    let _ = span.publish();
    (region, start.get())
}

fn run(passage: &mut Passage, scope: Scope, pace: PassagePace) -> Left {
    // SAFETY: the programs of these tests change registers only, or fault.
    unsafe { passage.run(scope, pace) }
}

#[test]
fn every_register_passes_both_ways() {
    for scope in [Scope::Vectors, Scope::All] {
        let mut passage = Passage::new(2).unwrap();
        let (_code, start) = placed(&passage, scope, |w| w.not_r(Width::W64, Gpr::R9));
        let (format, mut registers) = (passage.format(), Registers::new(passage.valid()));
        registers.vector.iter_mut().zip(1u8..).for_each(|(vector, n)| vector.0 = [n; 64]);
        if passage.valid().vector_bytes() < 64 {
            registers.vector.iter_mut().for_each(|vector| *vector = Default::default());
        }
        Gpr::ALL.into_iter().for_each(|gpr| registers.set_gpr(gpr, 0x1111 * u64::from(gpr.number())));
        let view = passage.view();
        *view.gpr = registers.gpr;
        (view.gpr.rip, view.gpr.rflags) = (start, 0x202 | 0x4c1);
        format.write(&registers, view.area);
        assert_eq!(run(&mut passage, scope, PassagePace::Free), Left::By(1));
        let view = passage.view();
        assert_eq!((view.gpr.r9, view.gpr.r8, view.gpr.rflags), (!0x9999, 0x8888, 0x6c3));
        let mut after = Registers::new(registers.valid);
        format.read(view.area, &mut after);
        assert_eq!((after.vector, after.mask), (registers.vector, registers.mask));
    }
}

#[test]
fn a_fault_leaves_with_its_place_and_address() {
    let mut passage = Passage::new(2).unwrap();
    let (_code, start) = placed(&passage, Scope::Vectors, |w| {
        w.nop(1);
        w.mov_rm(Width::W64, Gpr::Rax, Mem::base(Gpr::Rbx, 0));
    });
    (passage.view().gpr.rip, passage.view().gpr.rbx) = (start, 0x18);
    let left = run(&mut passage, Scope::Vectors, PassagePace::Free);
    assert!(matches!(left, Left::Signal { number: SIGSEGV, address: 0x18, .. }), "{left:?}");
    assert_eq!(passage.view().gpr.rip, start + 1);
}

#[test]
fn one_instruction_is_one() {
    let mut passage = Passage::new(2).unwrap();
    let (_code, start) = placed(&passage, Scope::All, |w| w.inc_r(Width::W64, Gpr::Rax));
    passage.view().gpr.rip = start;
    let left = run(&mut passage, Scope::All, PassagePace::OneInstruction);
    assert!(matches!(left, Left::Signal { number: SIGTRAP, code: TRAP_TRACE, .. }), "{left:?}");
    let gpr = *passage.view().gpr;
    assert_eq!((gpr.rip, gpr.rax, gpr.rflags & 0x100), (start + 3, 1, 0));
}

#[test]
fn what_never_ends_is_stopped() {
    let mut passage = Passage::new(2).unwrap();
    let (_code, start) = placed(&passage, Scope::Vectors, |w| {
        let again = w.new_label();
        w.bind(again);
        w.jmp_short(again);
    });
    passage.view().gpr.rip = start;
    let stopper = passage.stopper();
    let (done, over) = std::sync::mpsc::channel::<()>();
    let caller = thread::spawn(move || {
        while over.recv_timeout(Duration::from_millis(1)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            stopper.stop();
        }
    });
    assert_eq!(run(&mut passage, Scope::Vectors, PassagePace::Free), Left::Stopped);
    assert_eq!(passage.view().gpr.rip, start);
    drop(done);
    caller.join().unwrap();
}

/// The handler went back to 32-bit code, at an address that is none there.
#[test]
fn a_fault_in_32_bit_code_is_left_like_any_other() {
    let mut passage = Passage::new(2).unwrap();
    let (_code, start) = placed(&passage, Scope::Vectors, |w| {
        w.push_i(0x23);
        w.push_i(0x10);
        w.bytes(&[0x48, 0xcb]); // retfq
    });
    let mut stack = vec![0u64; 64];
    passage.view().gpr.rip = start;
    passage.view().gpr.rsp = stack.as_mut_ptr().expose_provenance() as u64 + 256;
    let left = run(&mut passage, Scope::Vectors, PassagePace::Free);
    assert!(matches!(left, Left::Signal { number: SIGSEGV, .. }), "{left:?}");
    assert_eq!(passage.view().gpr.rip, 0x10);
}
