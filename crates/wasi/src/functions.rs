//! The interface's functions, by name.

use std::fmt;

use crate::call::{Call, Done};
use crate::calls::{clock, descriptor, directory, file, io, path, poll, process, socket, times};
use crate::version::{PREVIEW1, UNSTABLE, Version};

/// The name modules import these functions from.
pub const MODULE: &str = PREVIEW1.module;

/// A type of arguments and results.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// A function of the interface: what an engine registers as an import.
pub struct Function {
    name: &'static str,
    params: &'static [ValType],
    results: &'static [ValType],
    handler: fn(&mut Call<'_>) -> Done,
    pub(crate) version: &'static Version,
}

impl Function {
    /// The name modules import it from.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.version.module
    }

    /// Its name in its module.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Types of its arguments.
    #[must_use]
    pub fn params(&self) -> &'static [ValType] {
        self.params
    }

    /// Types of its results: one `i32`, the [`Errno`](crate::Errno); none for `proc_exit`.
    #[must_use]
    pub fn results(&self) -> &'static [ValType] {
        self.results
    }

    pub(crate) fn run(&self, call: &mut Call<'_>) -> Done {
        (self.handler)(call)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?} -> {:?}", self.name, self.params, self.results)
    }
}

/// Makes the table. `i` is `i32`, `l` is `i64`.
macro_rules! functions {
    ($($name:ident ($($param:ident)*) $(-> $result:ident)? = $handler:path;)*) => {
        /// All functions of the interface.
        pub static FUNCTIONS: &[Function] =
            &[$(functions!(PREVIEW1 $name [$(functions!(@ $param)),*] [$(functions!(@ $result))?] $handler)),*];

        /// All functions of the interface as it was before: modules that import from `wasi_unstable` use it.
        pub static UNSTABLE_FUNCTIONS: &[Function] =
            &[$(functions!(UNSTABLE $name [$(functions!(@ $param)),*] [$(functions!(@ $result))?] $handler)),*];
    };
    ($version:ident $name:ident [$($param:expr),*] [$($result:expr)?] $handler:path) => {
        Function {
            name: stringify!($name),
            params: &[$($param),*],
            results: &[$($result)?],
            handler: $handler,
            version: &$version,
        }
    };
    (@ i) => { ValType::I32 };
    (@ l) => { ValType::I64 };
}

functions! {
    args_get(i i) -> i = process::args_get;
    args_sizes_get(i i) -> i = process::args_sizes_get;
    clock_res_get(i i) -> i = clock::res_get;
    clock_time_get(i l i) -> i = clock::time_get;
    environ_get(i i) -> i = process::environ_get;
    environ_sizes_get(i i) -> i = process::environ_sizes_get;
    fd_advise(i l l i) -> i = file::advise;
    fd_allocate(i l l) -> i = file::allocate;
    fd_close(i) -> i = descriptor::close;
    fd_datasync(i) -> i = file::datasync;
    fd_fdstat_get(i i) -> i = descriptor::fdstat_get;
    fd_fdstat_set_flags(i i) -> i = descriptor::fdstat_set_flags;
    fd_fdstat_set_rights(i l l) -> i = descriptor::fdstat_set_rights;
    fd_filestat_get(i i) -> i = descriptor::filestat_get;
    fd_filestat_set_size(i l) -> i = file::set_size;
    fd_filestat_set_times(i l l i) -> i = times::of_descriptor;
    fd_pread(i i i l i) -> i = io::pread;
    fd_prestat_dir_name(i i i) -> i = descriptor::prestat_dir_name;
    fd_prestat_get(i i) -> i = descriptor::prestat_get;
    fd_pwrite(i i i l i) -> i = io::pwrite;
    fd_read(i i i i) -> i = io::read;
    fd_readdir(i i i l i) -> i = directory::readdir;
    fd_renumber(i i) -> i = descriptor::renumber;
    fd_seek(i l i i) -> i = file::seek;
    fd_sync(i) -> i = file::sync;
    fd_tell(i i) -> i = file::tell;
    fd_write(i i i i) -> i = io::write;
    path_create_directory(i i i) -> i = path::create_directory;
    path_filestat_get(i i i i i) -> i = path::filestat_get;
    path_filestat_set_times(i i i i l l i) -> i = times::of_path;
    path_link(i i i i i i i) -> i = path::link;
    path_open(i i i i i l l i i) -> i = crate::calls::open::open;
    path_readlink(i i i i i i) -> i = path::readlink;
    path_remove_directory(i i i) -> i = path::remove_directory;
    path_rename(i i i i i i) -> i = path::rename;
    path_symlink(i i i i i) -> i = path::symlink;
    path_unlink_file(i i i) -> i = path::unlink_file;
    poll_oneoff(i i i i) -> i = poll::oneoff;
    proc_exit(i) = process::exit;
    proc_raise(i) -> i = process::raise;
    random_get(i i) -> i = process::random_get;
    sched_yield() -> i = process::sched_yield;
    sock_accept(i i i) -> i = socket::refuse;
    sock_recv(i i i i i i) -> i = socket::refuse;
    sock_send(i i i i i) -> i = socket::refuse;
    sock_shutdown(i i) -> i = socket::refuse;
}

/// The function of a name, if there is one.
///
/// ```
/// let function = midstride_wasi::function("fd_write").unwrap();
/// assert_eq!(function.params().len(), 4);
/// assert!(midstride_wasi::function("fd_wriet").is_none());
/// ```
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_there_once() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(FUNCTIONS.len(), 46);
    }

    #[test]
    fn only_the_exit_has_no_result() {
        let silent: Vec<_> = FUNCTIONS.iter().filter(|function| function.results.is_empty()).collect();
        assert_eq!(silent.iter().map(|function| function.name).collect::<Vec<_>>(), ["proc_exit"]);
    }
}
