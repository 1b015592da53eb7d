//! The way into the program and out of it: code that loads and saves every register.
//!
//! | entry | loads | leaves through |
//! |---|---|---|
//! | integer | general registers, flags | `leave` of the same kind |
//! | vector | and vector and x87 registers | |
//! | all | and the bases of FS and GS | |
//! | native | everything, by `iretq`, so that the first instruction can be stepped; looks for calls last of all | `leave` of all |
//!
//! Nothing uses the program's stack. A signal handler that ends a run sends the thread to the landing, which
//! restores what is the thread's own.

use core::mem::offset_of;

use midstride_addr::CachePc;
use midstride_asm::{Alu, Cond, EmitError, Gpr, Label, Mem, Width, Writer};
use midstride_frame::{Register, rflags};

use super::frame::{Frame, FrameRef, GatePlaces, Host, reason};
use crate::cpu::{Bases, Cpu};

/// What of the program an instruction may use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Need {
    /// General registers and flags.
    Integer,
    /// Vector and x87 registers too.
    Vector,
    /// The bases of FS and GS too.
    All,
}

impl Need {
    pub(crate) const ALL: [Self; 3] = [Self::Integer, Self::Vector, Self::All];
}

/// Addresses of the gate's doors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    enter: [CachePc; 3],
    leave: [CachePc; 3],
    pub(crate) native: CachePc,
    pub(crate) places: GatePlaces,
}

impl Gate {
    /// Enters for one instruction.
    pub(crate) fn enter(&self, need: Need) -> CachePc {
        self.enter[need as usize]
    }

    /// Where code goes that was entered with this need.
    pub(crate) fn leave(&self, need: Need) -> CachePc {
        self.leave[need as usize]
    }
}

/// Bytes that suffice for the gate.
pub(crate) const GATE_BYTES: usize = 4096;

/// Registers that a function has to preserve.
const PRESERVED: [Gpr; 6] = [Gpr::Rbx, Gpr::Rbp, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15];
/// Flags that Rust code must not run with.
const NOT_OURS: i32 = (rflags::TF | rflags::DF | 1 << 14 | rflags::AC) as i32;
/// IF and the bit that is always set.
const PLAIN: i32 = 0x202;

/// Instructions that the writer has no form for.
const IRETQ: [u8; 2] = [0x48, 0xcf];
const FNINIT: [u8; 2] = [0xdb, 0xe3];
const VZEROUPPER: [u8; 3] = [0xc5, 0xf8, 0x77];

struct GateWriter<'w, 'b> {
    w: &'w mut Writer<'b>,
    frame: FrameRef,
    cpu: &'w Cpu,
    /// The way back to the caller, for each need.
    back: [Label; 3],
    landing: Label,
}

/// Writes the gate of a frame.
pub(crate) fn write(mut w: Writer<'_>, frame: FrameRef, cpu: &Cpu) -> Result<Gate, EmitError> {
    let back = [w.new_label(), w.new_label(), w.new_label()];
    let landing = w.new_label();
    let start = w.pc();
    let mut gate = GateWriter { w: &mut w, frame, cpu, back, landing };
    let enter = Need::ALL.map(|need| gate.enter(need));
    let (native, turn_start, turn_end) = gate.native();
    let leave = Need::ALL.map(|need| gate.leave(need));
    let landings = gate.land();
    gate.backs();
    let end = w.pc();
    w.finish()?;
    let places = GatePlaces {
        start: start.get(),
        end: end.get(),
        turn_start: turn_start.get(),
        turn_end: turn_end.get(),
        landings,
        area_bytes: cpu.format.bytes() as u64,
        base_instructions: u64::from(cpu.bases == Bases::Instructions),
    };
    Ok(Gate { enter, leave, native, places })
}

impl GateWriter<'_, '_> {
    fn field(&self, offset: usize) -> Mem {
        Mem::rip(self.frame.at(offset))
    }

    fn host(&self, offset: usize) -> Mem {
        self.field(offset_of!(Frame, host) + offset)
    }

    fn gpr(&self, gpr: Gpr) -> Mem {
        Mem::rip(self.frame.gpr(register(gpr)))
    }

    fn enter(&mut self, need: Need) -> CachePc {
        let pc = self.start(reason::NEXT, need);
        self.w.push_m(Mem::rip(self.frame.gpr(Register::RFLAGS)));
        self.w.popfq();
        self.load_gprs();
        self.set_inside(1);
        self.w.mov_rm(Width::W64, Gpr::Rsp, self.gpr(Gpr::Rsp));
        self.w.jmp_m(self.field(offset_of!(Frame, target)));
        pc
    }

    /// Enters natively. From the look at `called` to the end a handler turns the thread back, so no call
    /// is lost.
    fn native(&mut self) -> (CachePc, CachePc, CachePc) {
        let pc = self.start(reason::CALLED, Need::All);
        self.w.alu_mi(Width::W32, Alu::Cmp, self.field(offset_of!(Frame, called)), 0);
        let turn_start = self.w.pc();
        self.w.jcc(Cond::Ne, self.landing);
        self.w.push_m(self.host(offset_of!(Host, ss)));
        self.w.push_m(self.gpr(Gpr::Rsp));
        self.w.push_m(Mem::rip(self.frame.gpr(Register::RFLAGS)));
        self.w.push_m(self.host(offset_of!(Host, cs)));
        self.w.push_m(self.field(offset_of!(Frame, target)));
        self.load_gprs();
        self.set_inside(1);
        self.w.bytes(&IRETQ);
        (pc, turn_start, self.w.pc())
    }

    /// Saves what is the thread's own and loads what can be loaded early.
    fn start(&mut self, reason: u32, need: Need) -> CachePc {
        let pc = self.w.pc();
        PRESERVED.iter().for_each(|gpr| self.w.push_r(*gpr));
        self.w.mov_mr(Width::W64, self.host(offset_of!(Host, rsp)), Gpr::Rsp);
        self.w.mov_mi(Width::W32, self.field(offset_of!(Frame, reason)), reason.cast_signed());
        if need >= Need::Vector {
            self.components();
            self.w.xrstor64(Mem::rip(self.frame.area()));
        }
        self.set_loaded(need);
        if need == Need::All {
            self.load_bases(self.field(offset_of!(Frame, fs_base)), self.field(offset_of!(Frame, gs_base)));
        }
        pc
    }

    fn leave(&mut self, need: Need) -> CachePc {
        let pc = self.w.pc();
        self.set_inside(0);
        Gpr::ALL.iter().for_each(|gpr| self.w.mov_mr(Width::W64, self.gpr(*gpr), *gpr));
        self.w.mov_rm(Width::W64, Gpr::Rsp, self.host(offset_of!(Host, rsp)));
        self.w.pushfq();
        self.w.pop_m(Mem::rip(self.frame.gpr(Register::RFLAGS)));
        if need == Need::All {
            self.save_bases();
        }
        if need >= Need::Vector {
            self.components();
            self.w.xsave64(Mem::rip(self.frame.area()));
        }
        self.w.jmp(self.back[need as usize]);
        pc
    }

    /// Where handlers send the thread: the program's registers are saved already, or were not loaded.
    fn land(&mut self) -> [u64; 3] {
        Need::ALL.map(|need| {
            if need == Need::All {
                self.w.bind(self.landing);
            }
            let pc = self.w.pc();
            self.w.mov_rm(Width::W64, Gpr::Rsp, self.host(offset_of!(Host, rsp)));
            self.w.jmp(self.back[need as usize]);
            pc.get()
        })
    }

    fn backs(&mut self) {
        let [integer, vector, all] = self.back;
        self.w.bind(all);
        self.load_bases(self.host(offset_of!(Host, fs_base)), self.host(offset_of!(Host, gs_base)));
        self.w.bind(vector);
        if self.cpu.has_avx() {
            self.w.bytes(&VZEROUPPER);
        }
        self.w.bytes(&FNINIT);
        self.w.fldcw(self.host(offset_of!(Host, fcw)));
        self.w.ldmxcsr(self.host(offset_of!(Host, mxcsr)));
        self.w.bind(integer);
        self.plain_flags();
        self.w.mov_rm(Width::W32, Gpr::Rax, self.field(offset_of!(Frame, reason)));
        PRESERVED.iter().rev().for_each(|gpr| self.w.pop_r(*gpr));
        self.w.ret();
    }

    fn plain_flags(&mut self) {
        let plain = self.w.new_label();
        self.w.test_mi(Width::W32, Mem::rip(self.frame.gpr(Register::RFLAGS)), NOT_OURS);
        self.w.jcc(Cond::E, plain);
        self.w.push_i(PLAIN);
        self.w.popfq();
        self.w.bind(plain);
    }

    /// All but rsp.
    fn load_gprs(&mut self) {
        let all = Gpr::ALL.into_iter().filter(|gpr| *gpr != Gpr::Rsp);
        all.for_each(|gpr| self.w.mov_rm(Width::W64, gpr, self.gpr(gpr)));
    }

    fn set_inside(&mut self, inside: u8) {
        self.w.mov_mi(Width::W32, self.field(offset_of!(Frame, inside)), inside.into());
    }

    fn set_loaded(&mut self, need: Need) {
        self.w.mov_mi(Width::W32, self.field(offset_of!(Frame, loaded)), need as i32);
    }

    /// edx:eax = what is saved and loaded.
    fn components(&mut self) {
        let components = self.cpu.format.components();
        self.w.mov_ri(Gpr::Rax, components & 0xffff_ffff);
        self.w.mov_ri(Gpr::Rdx, components >> 32);
    }

    fn load_bases(&mut self, fs: Mem, gs: Mem) {
        if self.cpu.bases == Bases::Instructions {
            self.w.mov_rm(Width::W64, Gpr::Rax, fs);
            self.w.wrfsbase(Gpr::Rax);
            self.w.mov_rm(Width::W64, Gpr::Rax, gs);
            self.w.wrgsbase(Gpr::Rax);
        }
    }

    fn save_bases(&mut self) {
        if self.cpu.bases == Bases::Instructions {
            self.w.rdfsbase(Gpr::Rax);
            self.w.mov_mr(Width::W64, self.field(offset_of!(Frame, fs_base)), Gpr::Rax);
            self.w.rdgsbase(Gpr::Rax);
            self.w.mov_mr(Width::W64, self.field(offset_of!(Frame, gs_base)), Gpr::Rax);
        }
    }
}

fn register(gpr: Gpr) -> Register {
    // A `Gpr` has a number from 0 to 15, and each of them is a register.
    Register::gpr(gpr.number()).unwrap_or(Register::RAX)
}
