//! Signal numbers and what they do by default.

macro_rules! numbers {
    ($($name:ident = $number:literal $default:ident;)*) => {
        $(
            #[doc = concat!("Signal ", $number, ".")]
            pub const $name: i32 = $number;
        )*

        /// Numbers, names and default actions of the signals 1 to 31, ascending.
        static SIGNALS: [(i32, &str, DefaultAction); 31] =
            [$(($number, stringify!($name), DefaultAction::$default)),*];
    };
}

/// What a signal does to a process that does not handle it (signal(7)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends and leaves a core dump.
    Core,
    /// The process stops.
    Stop,
    /// The process goes on, if it was stopped.
    Continue,
    /// Nothing.
    Ignore,
}

/// Highest signal number.
pub const SIGNAL_MAX: i32 = 64;
/// Lowest realtime signal as the kernel counts (C libraries keep a few for themselves).
pub const SIGRTMIN: i32 = 32;
/// Highest realtime signal.
pub const SIGRTMAX: i32 = 64;

/// What `signal` does by default; realtime signals terminate.
#[must_use]
pub fn default_action(signal: i32) -> Option<DefaultAction> {
    match signal {
        1..SIGRTMIN => Some(SIGNALS[signal as usize - 1].2),
        SIGRTMIN..=SIGRTMAX => Some(DefaultAction::Terminate),
        _ => None,
    }
}

/// The name of a signal below [`SIGRTMIN`], such as `"SIGSEGV"`.
#[must_use]
pub fn signal_name(signal: i32) -> Option<&'static str> {
    SIGNALS.get(usize::try_from(signal.checked_sub(1)?).ok()?).map(|entry| entry.1)
}

numbers! {
    SIGHUP = 1 Terminate;
    SIGINT = 2 Terminate;
    SIGQUIT = 3 Core;
    SIGILL = 4 Core;
    SIGTRAP = 5 Core;
    SIGABRT = 6 Core;
    SIGBUS = 7 Core;
    SIGFPE = 8 Core;
    SIGKILL = 9 Terminate;
    SIGUSR1 = 10 Terminate;
    SIGSEGV = 11 Core;
    SIGUSR2 = 12 Terminate;
    SIGPIPE = 13 Terminate;
    SIGALRM = 14 Terminate;
    SIGTERM = 15 Terminate;
    SIGSTKFLT = 16 Terminate;
    SIGCHLD = 17 Ignore;
    SIGCONT = 18 Continue;
    SIGSTOP = 19 Stop;
    SIGTSTP = 20 Stop;
    SIGTTIN = 21 Stop;
    SIGTTOU = 22 Stop;
    SIGURG = 23 Ignore;
    SIGXCPU = 24 Core;
    SIGXFSZ = 25 Core;
    SIGVTALRM = 26 Terminate;
    SIGPROF = 27 Terminate;
    SIGWINCH = 28 Ignore;
    SIGIO = 29 Terminate;
    SIGPWR = 30 Terminate;
    SIGSYS = 31 Core;
}
