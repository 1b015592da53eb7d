//! The programs that every engine runs: the C files of `benches/kernels`, Lua and SQLite.

use std::path::{Path, PathBuf};

use super::build::Builder;
use crate::project::root;

/// A program; a row of the table.
pub(super) struct Kernel {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) what: &'static str,
    /// Its arguments.
    args: &'static [&'static str],
    /// Its arguments where only what it prints counts.
    small: &'static [&'static str],
    /// Where it is from.
    pub(super) origin: Origin,
}

/// Where a program is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A file of `benches/kernels`.
    Own,
    /// Built by the engine's tests of C that other packages carry; that takes a while.
    Package,
}

/// How much is to be computed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// A few tenths of a second of it.
    Measured,
    /// Enough to see that the results are right.
    Small,
}

/// A kernel that can be run: the same program in both forms.
pub(super) struct Program {
    /// For this processor.
    pub(super) native: PathBuf,
    /// For the engines.
    pub(super) wasm: PathBuf,
    /// Arguments of both.
    pub(super) args: &'static [&'static str],
    /// Where they run, and the one folder they may see.
    pub(super) folder: PathBuf,
}

/// The rows, in the order of the table.
pub(super) const KERNELS: [Kernel; 12] = [
    own("integers", "sieve, Collatz, gcd, CRC-32, bits", &["4000000"], &["20000"]),
    own("gemm", "product of matrices of f64", &["1000"], &["40"]),
    own("jacobi", "stencil in a plane", &["600"], &["2"]),
    own("heat", "stencil in a cube", &["400"], &["2"]),
    own("lu", "LU decomposition, f64", &["1000"], &["40"]),
    own("floyd", "shortest paths, i32", &["900"], &["50"]),
    own("nbody", "five bodies, f64", &["4000"], &["3"]),
    own("quicksort", "10 M integers", &["10000000"], &["20000"]),
    own("sha256", "SHA-256 of 60 MB", &["60000"], &["20"]),
    own("fib", "recursive calls", &["41"], &["15"]),
    packed("lua", "Lua 5.4: script.lua", &["script.lua", "500"]),
    packed("sqlite", "SQLite: queries in memory", &[":memory:", "150000"]),
];

const fn own(
    name: &'static str,
    what: &'static str,
    args: &'static [&'static str],
    small: &'static [&'static str],
) -> Kernel {
    Kernel { name, what, args, small, origin: Origin::Own }
}

const fn packed(name: &'static str, what: &'static str, args: &'static [&'static str]) -> Kernel {
    Kernel { name, what, args, small: args, origin: Origin::Package }
}

impl Kernel {
    /// The program, built where it has to be; nothing where it cannot be.
    pub(super) fn program(&self, builder: &Builder, amount: Amount) -> Option<Program> {
        let built = match self.origin {
            Origin::Own => builder.own(&source(self.name)),
            Origin::Package => builder.packed(self.name),
        };
        let (native, wasm) = match built {
            Ok(built) => built,
            Err(error) => {
                println!("NOT MEASURED: {}: {error:#}", self.name);
                return None;
            }
        };
        let args = if amount == Amount::Small { self.small } else { self.args };
        Some(Program { native, wasm, args, folder: root().join("benches").join("kernels") })
    }
}

fn source(name: &str) -> PathBuf {
    root().join("benches").join("kernels").join(Path::new(name).with_extension("c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_kernel() {
        let folder = source("any").parent().unwrap().to_owned();
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "c")).collect();
        let own = KERNELS.iter().filter(|kernel| kernel.origin == Origin::Own);
        let mut known: Vec<_> = own.map(|kernel| source(kernel.name)).collect();
        files.sort();
        known.sort();
        assert_eq!(files, known);
    }
}
