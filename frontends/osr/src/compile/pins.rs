//! Locals that have a register of their own throughout a function.
//!
//! A pinned local is in its register, in its home, or in both; it is never in another register. So the
//! states of two ways that meet differ in two sets of bits, and loads and stores make them equal: no
//! moves between registers.

use midstride_asm::{Gpr, Xmm};

use super::function::Loc;
use super::regs::{ARG_GPRS, ARG_XMMS, PIN_GPRS, PIN_XMMS, RegSet};
use crate::types::ValType;

/// The number of a pin: its register's place among [`PIN_GPRS`], or 8 and its place among
/// [`PIN_XMMS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pin(u8);

const FIRST_XMM: u8 = 8;
const PINS: usize = 16;

/// A set of pins.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct PinSet(u16);

impl PinSet {
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn of(pin: Pin) -> Self {
        Self(1 << pin.0)
    }

    pub(crate) fn has(self, pin: Pin) -> bool {
        self.0 >> pin.0 & 1 != 0
    }

    pub(crate) fn with(self, pin: Pin) -> Self {
        self.union(Self::of(pin))
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those that are in one of both.
    pub(crate) fn differs(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Pin> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let pin = (left != 0).then(|| Pin(left.trailing_zeros() as u8));
            left &= left.wrapping_sub(1);
            pin
        })
    }
}

/// Where each argument arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    Gpr(Gpr),
    Xmm(Xmm),
    /// In memory, the number among those in memory.
    Memory(u32),
}

/// Where arguments of these types arrive.
pub(crate) fn arrivals(params: &[ValType]) -> impl Iterator<Item = Arrival> {
    let (mut gprs, mut xmms, mut memory) = (0..ARG_GPRS, 0..ARG_XMMS, 0u32..);
    params.iter().map(move |ty| {
        let register = if ty.is_vector_class() {
            xmms.next().map(|n| Arrival::Xmm(PIN_XMMS[n]))
        } else {
            gprs.next().map(|n| Arrival::Gpr(PIN_GPRS[n]))
        };
        register.unwrap_or_else(|| Arrival::Memory(memory.next().unwrap_or(u32::MAX)))
    })
}

/// Which locals are pinned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    /// The local of each pin.
    locals: [Option<u32>; PINS],
    /// The pin of each local: its number and 1, or 0.
    by_local: Vec<u8>,
    /// Pinned locals, by local.
    ordered: Vec<(u32, Pin)>,
    /// Locals that are to be pinned.
    chosen: Vec<u32>,
    gprs: RegSet,
    xmms: RegSet,
}

/// A local used less than this is left in its home.
const WORTH: u32 = 2;

impl Pins {
    /// Pins the locals with the greatest weights. Those that arrive in a register keep it.
    pub(crate) fn choose(&mut self, types: &[ValType], params: usize, weights: &[u32]) {
        self.clear(types.len());
        self.choose_class(types, weights, false, PIN_GPRS.len());
        self.choose_class(types, weights, true, PIN_XMMS.len());
        let chosen = std::mem::take(&mut self.chosen);
        for (local, arrival) in (0..).zip(arrivals(&types[..params])) {
            if chosen.contains(&local) {
                self.pin_arrived(arrival, local);
            }
        }
        for &local in &chosen {
            if self.by_local[local as usize] == 0 {
                self.pin_anywhere(local, types[local as usize]);
            }
        }
        self.chosen = chosen;
        self.ordered.sort_unstable_by_key(|(local, _)| *local);
    }

    fn clear(&mut self, locals: usize) {
        self.by_local.clear();
        self.by_local.resize(locals, 0);
        self.ordered.clear();
        self.chosen.clear();
        self.locals = [None; PINS];
        (self.gprs, self.xmms) = (RegSet::default(), RegSet::default());
    }

    /// Chooses at most `limit` locals that go into registers of one file.
    fn choose_class(&mut self, types: &[ValType], weights: &[u32], vectors: bool, limit: usize) {
        let first = self.chosen.len();
        let uses = (0..).zip(types.iter().zip(weights));
        let worthy = uses.filter(|(_, (ty, weight))| **weight >= WORTH && ty.is_vector_class() == vectors);
        self.chosen.extend(worthy.map(|(local, _)| local));
        let chosen = &mut self.chosen[first..];
        if chosen.len() > limit {
            let weight = |local: u32| std::cmp::Reverse(weights[local as usize]);
            chosen.select_nth_unstable_by_key(limit, |&local| (weight(local), local));
            chosen[..limit].sort_unstable();
            self.chosen.truncate(first + limit);
        }
    }

    fn pin_arrived(&mut self, arrival: Arrival, local: u32) {
        let pin = match arrival {
            Arrival::Gpr(reg) => PIN_GPRS.iter().position(|&pin| pin == reg),
            Arrival::Xmm(reg) => PIN_XMMS.iter().position(|&pin| pin == reg).map(|n| n + 8),
            Arrival::Memory(_) => None,
        };
        if let Some(pin) = pin {
            self.set(Pin(pin as u8), local);
        }
    }

    fn pin_anywhere(&mut self, local: u32, ty: ValType) {
        let numbers = if ty.is_vector_class() { 8..16 } else { 0..PIN_GPRS.len() };
        // The last ones first: the first ones are arguments' and must be moved for calls.
        if let Some(pin) = numbers.rev().find(|&pin| self.locals[pin].is_none()) {
            self.set(Pin(pin as u8), local);
        }
    }

    fn set(&mut self, pin: Pin, local: u32) {
        self.locals[usize::from(pin.0)] = Some(local);
        self.by_local[local as usize] = pin.0 + 1;
        self.ordered.push((local, pin));
        match Self::register(pin) {
            Loc::Gpr(reg) => self.gprs = self.gprs.with(reg.number()),
            Loc::Xmm(reg) => self.xmms = self.xmms.with(reg.number()),
            _ => {}
        }
    }

    fn register(pin: Pin) -> Loc {
        match pin.0.checked_sub(FIRST_XMM) {
            None => Loc::Gpr(PIN_GPRS[usize::from(pin.0)]),
            Some(n) => Loc::Xmm(PIN_XMMS[usize::from(n)]),
        }
    }

    /// The pin of a local.
    pub(crate) fn of(&self, local: u32) -> Option<Pin> {
        self.by_local[local as usize].checked_sub(1).map(Pin)
    }

    /// The local of a pin that is in use.
    pub(crate) fn local(&self, pin: Pin) -> u32 {
        self.locals[usize::from(pin.0)].unwrap_or(0)
    }

    /// The locals of some pins and their registers, by local.
    pub(crate) fn by_local(&self, set: PinSet) -> impl Iterator<Item = (u32, Loc)> {
        let of_set = self.ordered.iter().filter(move |(_, pin)| set.has(*pin));
        of_set.map(|&(local, pin)| (local, Self::register(pin)))
    }

    /// The register of a pin.
    pub(crate) fn loc(&self, pin: Pin) -> Loc {
        Self::register(pin)
    }

    /// All pins in use.
    pub(crate) fn all(&self) -> PinSet {
        let used = (0u8..).zip(&self.locals).filter(|(_, local)| local.is_some());
        used.fold(PinSet::EMPTY, |set, (pin, _)| set.with(Pin(pin)))
    }

    /// The integer registers in use.
    pub(crate) fn gprs(&self) -> RegSet {
        self.gprs
    }

    /// The vector registers in use.
    pub(crate) fn xmms(&self) -> RegSet {
        self.xmms
    }

    pub(crate) fn has_gpr(&self, reg: Gpr) -> bool {
        self.gprs.has(reg.number())
    }

    pub(crate) fn has_xmm(&self, reg: Xmm) -> bool {
        self.xmms.has(reg.number())
    }
}
