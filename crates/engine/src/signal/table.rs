//! What the program wants done about signals.
#![allow(unsafe_code, reason = "tables are shared between contexts by address")]

use core::sync::atomic::{AtomicBool, Ordering};

use midstride_os::Errno;
use midstride_os::mem::{Backing, MapFlags, Prot, mmap};
use midstride_os::signal::{
    KernelSigaction, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_ONSTACK, SA_RESTART, SA_RESTORER, SA_SIGINFO, SIG_DFL,
    SIG_IGN, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SigInfo, SigSet, rt_sigaction, rt_sigreturn,
    rt_tgsigqueueinfo, take_pending,
};
use midstride_os::thread;

use crate::memory::Asking;

/// No alternate stack: address, `SS_DISABLE`, size.
pub(crate) const NO_STACK: [u64; 3] = [0, 2, 0];

/// How many tables there are.
const TABLES: usize = 256;

/// Signals that faults raise. The engine handles them even where the program does not, so that it hears of blocks cut short.
pub(crate) const FAULTS: [i32; 5] = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP];

/// One table: an action for each signal. All zeros is the default action for all.
#[derive(Clone, Copy)]
struct Table {
    actions: [KernelSigaction; 65],
}

/// All tables. Contexts name theirs by number.
pub(crate) struct Signals {
    tables: *mut Table,
    handler: u64,
    leaves_faults: AtomicBool,
}

// SAFETY: entries are 32-byte plain values; the program's own threads race on them exactly as they do
// in the kernel, where the last sigaction wins. A torn entry could only be seen by a signal that
// arrives during the sigaction call of another thread; the kernel's copy is set after ours.
unsafe impl Sync for Signals {}
// SAFETY: plain values.
unsafe impl Send for Signals {}

impl Signals {
    /// One table for the process and one for each process that shares its memory but not its actions.
    pub(crate) const TABLES: u64 = TABLES as u64;

    /// Tables in which every action is the default.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn new(handler: u64) -> Result<Self, Errno> {
        let bytes = (TABLES * size_of::<Table>()) as u64;
        // SAFETY: the kernel chooses free addresses.
        let start =
            unsafe { mmap(0, bytes, Prot::READ | Prot::WRITE, MapFlags::PRIVATE, Backing::Anonymous) }?;
        let tables = core::ptr::with_exposed_provenance_mut(start as usize);
        Ok(Self { tables, handler, leaves_faults: AtomicBool::new(false) })
    }

    fn table(&self, number: u64) -> *mut Table {
        // SAFETY: the remainder is a valid index of the mapping made by `new`.
        unsafe { self.tables.add(number as usize % TABLES) }
    }

    /// The program's action for `signal`.
    pub(crate) fn action(&self, table: u64, signal: i32) -> KernelSigaction {
        // SAFETY: a live table; signal numbers are 1 to 64.
        unsafe { (*self.table(table)).actions[signal as usize & 63 | usize::from(signal == 64) << 6] }
    }

    fn set(&self, table: u64, signal: i32, action: KernelSigaction) {
        let index = signal as usize & 63 | usize::from(signal == 64) << 6;
        // SAFETY: as in `action`.
        unsafe { (*self.table(table)).actions[index] = action };
    }

    /// Lets table `to` be what another one is.
    pub(crate) fn copy(&self, from: u64, to: u64) {
        // SAFETY: two live tables.
        unsafe { *self.table(to) = *self.table(from) };
    }

    /// Every action of the table that is not to ignore becomes the default, as CLONE_CLEAR_SIGHAND has it.
    pub(crate) fn clear(&self, table: u64) {
        for signal in 1..=64 {
            if self.action(table, signal).handler != SIG_IGN {
                self.set(table, signal, KernelSigaction::default());
            }
        }
    }

    /// Takes over what the process was started with, and the signals that faults raise.
    pub(crate) fn adopt(&self) {
        for signal in 1..=64 {
            // SAFETY: only asks.
            let Ok(action) = (unsafe { rt_sigaction(signal, None) }) else { continue };
            self.set(0, signal, action);
        }
        for signal in FAULTS {
            let _ = self.tell_kernel(signal, &self.action(0, signal));
        }
        crate::memory::handle_faults();
    }

    /// Sets the program's action and the kernel's.
    ///
    /// # Errors
    /// As rt_sigaction(2).
    pub(crate) fn change(&self, table: u64, signal: i32, action: KernelSigaction) -> Result<(), Errno> {
        self.tell_kernel(signal, &action)?;
        self.set(table, signal, action);
        if action.handler == SIG_IGN && FAULTS.contains(&signal) {
            // The kernel discards what is pending, where it knows that the signal is ignored.
            let _ = self.take_pending(signal);
        }
        Ok(())
    }

    /// The action is used up (SA_RESETHAND).
    pub(crate) fn reset(&self, table: u64, signal: i32) {
        let action = KernelSigaction { handler: SIG_DFL, ..self.action(table, signal) };
        let _ = self.change(table, signal, action);
    }

    /// Lets the kernel carry out the default action, even of a signal that faults raise.
    pub(crate) fn give_up(&self, signal: i32) {
        // SAFETY: the default action needs no memory of ours.
        let _ = unsafe { rt_sigaction(signal, Some(&KernelSigaction::default())) };
    }

    /// Faults that the program does not handle are the kernel's from now on: it needs no call of ours to
    /// carry out what the program wants.
    pub(crate) fn leave_faults(&self, table: u64) {
        self.leaves_faults.store(true, Ordering::Relaxed);
        crate::memory::ask_for_mask(Asking::No);
        self.take_back(table);
    }

    /// They come to us again.
    pub(crate) fn claim_faults(&self, table: u64) {
        self.leaves_faults.store(false, Ordering::Relaxed);
        crate::memory::ask_for_mask(Asking::Yes);
        self.take_back(table);
    }

    /// Whether [`Self::leave_faults`] holds.
    pub(crate) fn leaves_faults(&self) -> bool {
        self.leaves_faults.load(Ordering::Relaxed)
    }

    /// Before an exec: handlers go, ignored signals stay ignored. Those we handled in place of the program
    /// would become default.
    pub(crate) fn leave_to_kernel(&self, table: u64) {
        for signal in FAULTS {
            let action = self.action(table, signal);
            if action.handler == SIG_IGN {
                // It waits, blocked, although it is ignored: the kernel would discard it now.
                let waiting = self.take_pending(signal);
                // SAFETY: ignoring needs no memory of ours.
                let _ = unsafe { rt_sigaction(signal, Some(&action)) };
                let [pid, tid] = [thread::getpid(), thread::gettid()];
                let _ = waiting.map(|info| rt_tgsigqueueinfo(pid, tid, signal, &info));
            }
        }
    }

    /// Takes a signal away that waits, where we may make the call.
    fn take_pending(&self, signal: i32) -> Option<SigInfo> {
        if self.leaves_faults() { None } else { take_pending(signal) }
    }

    /// Tells the kernel of them anew, when an exec failed for example.
    pub(crate) fn take_back(&self, table: u64) {
        for signal in FAULTS {
            let _ = self.tell_kernel(signal, &self.action(table, signal));
        }
    }

    /// Handled signals come to us; so do those that faults raise. All others are blocked meanwhile, but
    /// for those of guarded copies: the mask the program asked for is set when its handler is entered.
    fn tell_kernel(&self, signal: i32, action: &KernelSigaction) -> Result<(), Errno> {
        // What is ignored interrupts no call.
        let restart = if action.handler == SIG_IGN { SA_RESTART } else { 0 };
        let ours = KernelSigaction {
            handler: self.handler,
            flags: action.flags & (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_RESTART)
                | restart
                | SA_SIGINFO
                | SA_ONSTACK
                | SA_RESTORER,
            restorer: rt_sigreturn as *const () as u64,
            mask: SigSet::ALL.without(SIGSEGV).without(SIGBUS),
        };
        let is_handled = action.handler != SIG_DFL && action.handler != SIG_IGN;
        let comes = is_handled || FAULTS.contains(&signal) && !self.leaves_faults();
        let told = if comes { ours } else { *action };
        // SAFETY: `handler` is the engine's handler, whose stack every thread has.
        unsafe { rt_sigaction(signal, Some(&told)) }.map(drop)
    }
}
