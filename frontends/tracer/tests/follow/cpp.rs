//! C++ exceptions and jumps out of handlers, from a shared object that is loaded and unloaded while followed.

use std::ffi::{CString, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use midstride_tracer::follow::is_following_me;

use crate::{followed, plain};

/// Builds the object, where there is a C++ compiler.
pub(crate) fn object() -> Option<&'static CString> {
    static OBJECT: OnceLock<Option<CString>> = OnceLock::new();
    OBJECT.get_or_init(build).as_ref()
}

fn build() -> Option<CString> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/follow.cpp");
    let object = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("follow-{}.so", std::process::id()));
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let mut command = Command::new(compiler);
    command.args(["-O1", "-g0", "-shared", "-fPIC", "-o"]).arg(&object).arg(source);
    match command.status() {
        Ok(status) => assert!(status.success(), "the C++ compiler fails"),
        Err(error) => {
            println!("NOT RUN: there is no C++ compiler: {error}");
            return None;
        }
    }
    Some(CString::new(object.to_str()?).expect("no zero in the path"))
}

/// A loaded object.
pub(crate) struct Library(*mut c_void);

impl Library {
    pub(crate) fn open(path: &CString) -> Self {
        // SAFETY: the object's initialisers are those of the C++ library.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "the object is not loaded");
        Self(handle)
    }

    pub(crate) fn call(&self, name: &std::ffi::CStr, argument: i32) -> i32 {
        // SAFETY: a live handle and a name.
        let function = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!function.is_null(), "{name:?} is not there");
        // SAFETY: all functions of the object have this type.
        let function =
            unsafe { std::mem::transmute::<*mut c_void, extern "C-unwind" fn(i32) -> i32>(function) };
        function(argument)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: opened above; nothing of it is in use.
        unsafe { libc::dlclose(self.0) };
    }
}

#[test]
fn exceptions_are_thrown_and_caught() {
    let Some(object) = object() else { return };
    let native = Library::open(object).call(c"throw_and_catch", 20);
    let inside = followed(plain(), || {
        let library = Library::open(object);
        let first = library.call(c"throw_and_catch", 20);
        let again: Vec<_> = (0..50).map(|depth| library.call(c"throw_and_catch", depth)).collect();
        (first, again, is_following_me())
    });
    assert_eq!((native, inside.0), (22, 22));
    assert_eq!((inside.1, inside.2), ((2..52).collect(), true));
}

#[test]
fn an_object_loaded_and_unloaded_while_followed_runs_each_time() {
    let Some(object) = object() else { return };
    let results = followed(plain(), || {
        (0..10).map(|round| Library::open(object).call(c"jump_through_frames", round)).collect::<Vec<_>>()
    });
    assert_eq!(results, [5; 10]);
}

#[test]
fn handlers_of_faults_are_left_by_jumps() {
    crate::alone::run("cpp::handlers_of_faults_are_left_by_jumps", || {
        let Some(object) = object() else { return };
        let library = Library::open(object);
        assert_eq!(library.call(c"jump_out_of_faults", 3), 3);
        let inside = followed(plain(), || (library.call(c"jump_out_of_faults", 100), is_following_me()));
        assert_eq!(inside, (100, true));
        assert!(!is_following_me());
    });
}
