//! Many controllers and many threads in one process.

use std::thread::{scope, sleep};
use std::time::Duration;

use midstride_asm::{Gpr, Width};
use midstride_control::{Activity, Backend, CodePoint, Controller, Death, Event, Options, Steps, Syscalls};
use midstride_os::nr;
use midstride_os::signal::{SIGKILL, SIGSEGV, SIGTRAP, rt_sigaction};

use crate::conformance::Setup;
use crate::lab::{Lab, fault, id, program};

fn setup(backend: Backend) -> Setup {
    Setup { backend, steps: Steps::Flag }
}

/// A loop that counts in a register.
fn counting(backend: Backend, register: Gpr) -> Lab {
    let lab = Lab::loaded(setup(backend), |w| {
        let again = w.new_label();
        w.bind(again);
        w.inc_r(Width::W64, register);
        w.jmp_short(again);
    });
    lab.session.run(id(0)).unwrap();
    lab
}

#[test]
fn controllers_do_not_disturb_each_other() {
    let registers = [Gpr::Rax, Gpr::Rbx, Gpr::R15];
    let labs: Vec<_> =
        (0..6).map(|n| (counting(Backend::ALL[n % 3], registers[n / 3]), registers[n / 3])).collect();
    for _ in 0..20 {
        for (lab, register) in &labs {
            let (before, after) = (lab.registers(), lab.registers());
            assert!(after.gpr(*register) >= before.gpr(*register));
            for other in registers.iter().filter(|other| *other != register) {
                assert_eq!(after.gpr(*other), 0);
            }
        }
    }
    let (last, rest) = labs.split_last().unwrap();
    rest.iter().for_each(|(lab, _)| lab.session.cancel().unwrap());
    assert_eq!(last.0.state().activity, Activity::Running);
}

#[test]
fn faults_of_one_are_not_those_of_another() {
    let labs: Vec<Lab> = (0..4)
        .map(|n| {
            let lab = Lab::loaded(setup(Backend::ALL[n % 3]), |w| w.jmp_r(Gpr::Rax));
            lab.set(move |registers| registers.gpr.rax = 0x100 + n as u64);
            lab
        })
        .collect();
    for _ in 0..20 {
        labs.iter().for_each(|lab| lab.session.run(id(0)).unwrap());
        for (n, lab) in (0..).zip(&labs) {
            assert_eq!(fault(lab.event()).address, 0x100 + n);
        }
    }
}

#[test]
fn orders_from_many_threads_are_all_carried_out() {
    for backend in Backend::ALL {
        let lab = counting(backend, Gpr::Rax);
        scope(|scope| {
            for thread in 0..4 {
                let lab = &lab;
                scope.spawn(move || {
                    for _ in 0..50 {
                        lab.set(move |registers| match thread {
                            0 => registers.gpr.rbx += 1,
                            1 => registers.gpr.rcx += 1,
                            2 => registers.gpr.rdx += 1,
                            _ => registers.gpr.rsi += 1,
                        });
                    }
                });
            }
        });
        let gpr = lab.registers().gpr;
        assert_eq!((gpr.rbx, gpr.rcx, gpr.rdx, gpr.rsi), (50, 50, 50, 50));
        while lab.registers().gpr.rax == gpr.rax {}
    }
}

#[test]
fn a_program_of_its_own_sees_nothing_of_a_later_change() {
    static WORD: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let lab = Lab::new(setup(Backend::Ptrace));
    WORD.store(2, std::sync::atomic::Ordering::SeqCst);
    let mut bytes = [0; 8];
    lab.session.read(WORD.as_ptr().expose_provenance() as u64, &mut bytes).unwrap();
    assert_eq!(u64::from_le_bytes(bytes), 1);
}

#[test]
fn a_task_survives_whatever_its_program_writes() {
    let lab = Lab::new(setup(Backend::Ptrace));
    // Over everything this process has at this address: its own code, its own heap.
    let heap = Box::new([7u8; 64]);
    let target = heap.as_ptr().expose_provenance() as u64;
    lab.session.load(program(|w| w.rep_stosb())).unwrap();
    lab.set(move |registers| (registers.gpr.rdi, registers.gpr.rcx) = (target, 1 << 30));
    let fault = lab.fault();
    assert_eq!(fault.signal, SIGSEGV);
    assert!(fault.registers.gpr.rdi > target);
    assert_eq!(*heap, [7; 64]);
    lab.session.load(program(|w| w.nop(1))).unwrap();
    assert!(matches!(lab.run(), Event::Exit(_)));
}

#[test]
fn a_killed_task_is_replaced() {
    let options = Options { syscalls: Syscalls::Make, ..Options::default() };
    let lab = Lab::with(setup(Backend::Ptrace), options);
    let suicide = program(|w| {
        w.mov_ri(Gpr::Rax, nr::GETPID); // 0
        w.syscall(); // 5
        w.mov_rr(Width::W64, Gpr::Rdi, Gpr::Rax); // 7
        w.mov_ri(Gpr::Rsi, 9); // a
        w.mov_ri(Gpr::Rax, nr::KILL); // f
        w.syscall(); // 14
        w.nop(1); // 16
    });
    lab.session.load(suicide).unwrap();
    for _ in 0..3 {
        assert_eq!(lab.run(), Event::Killed(Death::Signaled { signal: SIGKILL }));
        assert_eq!((lab.state().point, lab.registers().gpr.rax), (CodePoint::Nowhere, 0));
        assert!(matches!(lab.run_from(0x16), Event::Exit(_)));
    }
}

#[test]
fn what_signals_did_before_comes_back() {
    // Other tests of this process keep the handlers; a process of its own does not.
    if std::env::var_os("MIDSTRIDE_ALONE").is_none() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "together::what_signals_did_before_comes_back"])
            .env("MIDSTRIDE_ALONE", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    // SAFETY: asks only.
    let ask = || [SIGSEGV, SIGTRAP, 62].map(|signal| unsafe { rt_sigaction(signal, None) }.unwrap());
    let before = ask();
    let labs = [counting(Backend::Signal, Gpr::Rax), counting(Backend::Translated, Gpr::Rax)];
    assert_ne!(ask(), before);
    let [first, second] = labs;
    drop(first);
    assert_ne!(ask(), before);
    sleep(Duration::from_millis(1));
    drop(second);
    assert_eq!(ask(), before);
}
