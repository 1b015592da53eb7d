//! Imports by name.

use std::collections::HashMap;

use crate::error::LinkError;
use crate::func::{Caller, Func, IntoFunc};
use crate::instance::Instance;
use crate::module::Module;
use crate::runtime::global::Global;
use crate::runtime::memory::Memory;
use crate::runtime::table::Table;
use crate::trap::Trap;
use crate::types::{ExternType, FuncType};
use crate::value::Val;

/// Something that can be imported and exported.
#[derive(Clone, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
}

impl Extern {
    /// Its type, with the present size of tables and memories.
    #[must_use]
    pub fn ty(&self) -> ExternType {
        match self {
            Self::Func(func) => ExternType::Func(func.ty().clone()),
            Self::Table(table) => ExternType::Table(table.ty()),
            Self::Memory(memory) => ExternType::Memory(memory.ty()),
            Self::Global(global) => ExternType::Global(global.ty()),
        }
    }

    /// Whether it can be imported as `wanted` (core specification, 4.5.3).
    pub(crate) fn fits(&self, wanted: &ExternType) -> bool {
        match (self, wanted) {
            (Self::Func(func), ExternType::Func(wanted)) => func.ty() == wanted,
            (Self::Table(table), ExternType::Table(wanted)) => {
                let ty = table.ty();
                ty.element == wanted.element && wanted.limits.admit(ty.limits.min, ty.limits.max)
            }
            (Self::Memory(memory), ExternType::Memory(wanted)) => {
                let limits = memory.ty().limits;
                wanted.limits.admit(limits.min, limits.max)
            }
            (Self::Global(global), ExternType::Global(wanted)) => global.ty() == *wanted,
            _ => false,
        }
    }
}

macro_rules! into_extern {
    ($($name:ident)*) => { $(
        impl From<$name> for Extern {
            fn from(value: $name) -> Self {
                Self::$name(value)
            }
        }
    )* };
}
into_extern! { Func Table Memory Global }

/// What modules import, by module and name.
#[derive(Clone, Debug, Default)]
pub struct Linker {
    externs: HashMap<(String, String), Extern>,
}

impl Linker {
    /// A linker that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Provides something, in the place of what had the name before.
    pub fn define(&mut self, module: &str, name: &str, value: impl Into<Extern>) -> &mut Self {
        self.externs.insert((module.to_owned(), name.to_owned()), value.into());
        self
    }

    /// Provides a closure as a function; its type is the closure's.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<Params, Results>,
    ) -> &mut Self {
        self.define(module, name, Func::wrap(func))
    }

    /// Provides a function of any type.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Trap> + 'static,
    ) -> &mut Self {
        self.define(module, name, Func::new(ty, func))
    }

    /// Provides all exports of an instance.
    pub fn instance(&mut self, module: &str, instance: &Instance) -> &mut Self {
        for (name, _) in instance.module().exports() {
            if let Some(export) = instance.get_export(name) {
                self.define(module, name, export);
            }
        }
        self
    }

    /// What is provided under a name.
    #[must_use]
    pub fn get(&self, module: &str, name: &str) -> Option<&Extern> {
        self.externs.get(&(module.to_owned(), name.to_owned()))
    }

    /// Instantiates a module with what it imports.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn instantiate(&self, module: &Module) -> Result<Instance, LinkError> {
        Instance::new(module, &self.imports_of(module)?)
    }

    /// What a module imports, in its order.
    pub(crate) fn imports_of(&self, module: &Module) -> Result<Vec<Extern>, LinkError> {
        let mut imports = Vec::new();
        for (from, name, _) in module.imports() {
            let found = self.get(from, name).cloned();
            let missing = || LinkError::Missing { module: from.to_owned(), name: name.to_owned() };
            imports.push(found.ok_or_else(missing)?);
        }
        Ok(imports)
    }
}
