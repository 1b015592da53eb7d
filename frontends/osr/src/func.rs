//! Functions, of WebAssembly and of the host.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::error::TypeError;
use crate::freeze::Outcome;
use crate::instance::{Instance, InstanceInner};
use crate::runtime::layout::FuncDesc;
use crate::runtime::{enter, nesting};
use crate::trap::{Trap, TrapKind};
use crate::types::FuncType;
use crate::value::{Val, WasmTy};

/// A function.
///
/// Clones are the same function. It keeps its instance alive.
#[derive(Clone)]
pub struct Func(Repr);

#[derive(Clone)]
enum Repr {
    /// A function with a body, by its index in the instance's module.
    Wasm(Instance, u32),
    Host(Rc<HostFunc>),
}

/// What a host function is made of.
type HostBody = dyn Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Trap>;

/// A function of the host's. Its descriptor's `host` is its own address.
#[repr(C)]
pub(crate) struct HostFunc {
    desc: FuncDesc,
    ty: FuncType,
    body: Box<HostBody>,
}

/// Who called a host function.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    instance: Option<&'a Instance>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(instance: Option<&'a Instance>) -> Self {
        Self { instance }
    }

    /// The instance whose code called; `None` when the host called its own function.
    #[must_use]
    pub fn instance(&self) -> Option<&'a Instance> {
        self.instance
    }

    /// Whether the instance can be frozen in this call: a host function that waits shall answer
    /// [`TrapKind::Frozen`] then, and else go on waiting. It cannot when the host's own frames, or another
    /// instance's, are below the caller's.
    #[must_use]
    pub fn can_be_frozen(&self) -> bool {
        self.instance.is_some() && nesting::is_outermost()
    }

    /// The caller's memory, whether exported or not.
    #[must_use]
    pub fn memory(&self) -> Option<crate::Memory> {
        self.instance?.memory(0)
    }
}

impl Func {
    /// A host function of any type.
    ///
    /// `body` gets its arguments, and results of the right types to be replaced.
    pub fn new(
        ty: FuncType,
        body: impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Trap> + 'static,
    ) -> Self {
        let type_id = ty.id();
        Self(Repr::Host(Rc::new_cyclic(|weak: &std::rc::Weak<HostFunc>| {
            let address = weak.as_ptr().expose_provenance() as u64;
            let desc = FuncDesc { code: 0, owner: address, type_id, index: 0, host: address };
            HostFunc { desc, ty, body: Box::new(body) }
        })))
    }

    /// A host function whose type is that of a closure.
    pub fn wrap<Params, Results>(body: impl IntoFunc<Params, Results>) -> Self {
        body.into_func()
    }

    /// A function of an instance, imported or defined there.
    pub(crate) fn of(instance: &Instance, index: u32) -> Self {
        match instance.imported_func(index) {
            Some(func) => func.clone(),
            None => Self(Repr::Wasm(instance.clone(), index)),
        }
    }

    /// Its type.
    #[must_use]
    pub fn ty(&self) -> &FuncType {
        match &self.0 {
            Repr::Wasm(instance, index) => instance.module().info().func_type(*index),
            Repr::Host(host) => &host.ty,
        }
    }

    /// Calls it.
    ///
    /// # Errors
    /// What it traps with; [`TrapKind::Host`] when the arguments have other types than its parameters.
    pub fn call(&self, params: &[Val]) -> Result<Vec<Val>, Trap> {
        if !params.iter().map(Val::ty).eq(self.ty().params().iter().copied()) {
            return Err(Trap::host(TypeError::Function {
                wanted: FuncType::new(params.iter().map(Val::ty), []),
                found: self.ty().clone(),
            }));
        }
        self.call_from(Caller::new(None), params)
    }

    /// Calls it; being frozen is an outcome and not a trap.
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    pub fn run(&self, params: &[Val]) -> Result<Outcome, Trap> {
        Outcome::of(self.owner(), self.call(params))
    }

    /// Calls it with arguments of the right types.
    pub(crate) fn call_from(&self, caller: Caller<'_>, params: &[Val]) -> Result<Vec<Val>, Trap> {
        match &self.0 {
            Repr::Wasm(instance, index) => enter::call(instance, *index, params),
            Repr::Host(host) => {
                let mut results: Vec<Val> = host.ty.results().iter().map(|&ty| Val::default_of(ty)).collect();
                (host.body)(caller, params, &mut results)?;
                if !results.iter().map(Val::ty).eq(host.ty.results().iter().copied()) {
                    return Err(TrapKind::Host.into());
                }
                Ok(results)
            }
        }
    }

    /// The same function, its type checked once.
    ///
    /// # Errors
    /// [`TypeError::Function`] when it has another one.
    pub fn typed<Params: WasmTys, Results: WasmTys>(&self) -> Result<TypedFunc<Params, Results>, TypeError> {
        let wanted = FuncType::new(Params::types(), Results::types());
        if *self.ty() == wanted {
            Ok(TypedFunc { func: self.clone(), types: PhantomData })
        } else {
            Err(TypeError::Function { wanted, found: self.ty().clone() })
        }
    }

    /// The address of its descriptor.
    pub(crate) fn desc_address(&self) -> u64 {
        match &self.0 {
            Repr::Wasm(instance, index) => instance.func_desc_address(*index),
            Repr::Host(host) => host.desc.host,
        }
    }

    /// The function with the descriptor at `address`; `None` for 0.
    ///
    /// # Safety
    /// `address` is 0 or a descriptor of a function that is alive.
    pub(crate) unsafe fn from_desc(address: u64) -> Option<Self> {
        if address == 0 {
            return None;
        }
        let desc = std::ptr::with_exposed_provenance::<FuncDesc>(address as usize);
        // SAFETY: the caller's contract.
        let desc = unsafe { desc.read() };
        if desc.host != 0 {
            let host = std::ptr::with_exposed_provenance::<HostFunc>(desc.host as usize);
            // SAFETY: the field is the address that an `Rc` of it has, which is alive.
            unsafe { Rc::increment_strong_count(host) };
            // SAFETY: the count was raised for this one.
            return Some(Self(Repr::Host(unsafe { Rc::from_raw(host) })));
        }
        // SAFETY: the owner of a descriptor that is not the host's is a context, alive like it.
        let instance = unsafe { InstanceInner::of_context(desc.owner) };
        Some(Self(Repr::Wasm(instance, desc.index)))
    }

    /// Whether both are functions of one instance, or the same host function.
    pub(crate) fn same_owner(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Wasm(a, _), Repr::Wasm(b, _)) => a.same(b),
            (Repr::Host(a), Repr::Host(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The instance it belongs to, if it has a body.
    pub(crate) fn owner(&self) -> Option<&Instance> {
        if let Repr::Wasm(instance, _) = &self.0 { Some(instance) } else { None }
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Wasm(_, index) => write!(f, "Func({index}: {})", self.ty()),
            Repr::Host(_) => write!(f, "Func(host: {})", self.ty()),
        }
    }
}

/// A function whose type is known to the compiler: `TypedFunc<(i32, i64), f64>`.
pub struct TypedFunc<Params, Results> {
    func: Func,
    types: PhantomData<fn(Params) -> Results>,
}

impl<Params: WasmTys, Results: WasmTys> TypedFunc<Params, Results> {
    /// Calls it.
    ///
    /// # Errors
    /// What it traps with.
    pub fn call(&self, params: Params) -> Result<Results, Trap> {
        let results = self.func.call_from(Caller::new(None), &params.into_vals())?;
        Results::from_vals(&results).ok_or_else(|| TrapKind::Host.into())
    }

    /// The function without its type.
    #[must_use]
    pub fn func(&self) -> &Func {
        &self.func
    }
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        Self { func: self.func.clone(), types: PhantomData }
    }
}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

/// Parameters or results: a [`WasmTy`], or a tuple of them.
pub trait WasmTys: Sized {
    /// Their types.
    fn types() -> Vec<crate::ValType>;
    /// As values.
    fn into_vals(self) -> Vec<Val>;
    /// From values, if they have the types.
    fn from_vals(vals: &[Val]) -> Option<Self>;
}

impl<T: WasmTy> WasmTys for T {
    fn types() -> Vec<crate::ValType> {
        vec![T::TYPE]
    }

    fn into_vals(self) -> Vec<Val> {
        vec![self.into()]
    }

    fn from_vals(vals: &[Val]) -> Option<Self> {
        let [val] = vals else { return None };
        T::from_val(val)
    }
}

/// A closure that can be a host function: `|a: i32, b: i64| -> f64`, or with a [`Caller`] in front, or
/// answering a `Result<_, Trap>`.
pub trait IntoFunc<Params, Results>: 'static {
    /// The function.
    fn into_func(self) -> Func;
}

/// What a host function can answer.
pub trait WasmResults {
    /// What it answers when all is well.
    type Values: WasmTys;

    /// All as a result.
    ///
    /// # Errors
    /// The one it is.
    fn into_result(self) -> Result<Self::Values, Trap>;
}

impl<T: WasmTys> WasmResults for T {
    type Values = T;

    fn into_result(self) -> Result<T, Trap> {
        Ok(self)
    }
}

impl<T: WasmTys> WasmResults for Result<T, Trap> {
    type Values = T;

    fn into_result(self) -> Self {
        self
    }
}

/// A host function out of one that takes the caller and all parameters at once.
fn wrap<Params: WasmTys, R: WasmResults>(body: impl Fn(Caller<'_>, Params) -> R + 'static) -> Func {
    let ty = FuncType::new(Params::types(), R::Values::types());
    Func::new(ty, move |caller, params, results| {
        let params = Params::from_vals(params).ok_or(TrapKind::Host)?;
        let values = body(caller, params).into_result()?.into_vals();
        results.iter_mut().zip(values).for_each(|(result, value)| *result = value);
        Ok(())
    })
}

/// Marks closures that take the caller first.
#[derive(Debug)]
pub struct WithCaller;

macro_rules! tuples {
    ($($($name:ident)*;)*) => { $(
        #[allow(non_snake_case, clippy::unused_unit, reason = "names serve for types and values, of which there may be none")]
        impl<$($name: WasmTy),*> WasmTys for ($($name,)*) {
            fn types() -> Vec<crate::ValType> {
                vec![$($name::TYPE),*]
            }

            fn into_vals(self) -> Vec<Val> {
                let ($($name,)*) = self;
                vec![$($name.into()),*]
            }

            fn from_vals(vals: &[Val]) -> Option<Self> {
                let [$($name),*] = vals else { return None };
                Some(($($name::from_val($name)?,)*))
            }
        }

        #[allow(non_snake_case, reason = "names serve for types and values, of which there may be none")]
        impl<F, R, $($name: WasmTy),*> IntoFunc<($($name,)*), R> for F
        where
            F: Fn($($name),*) -> R + 'static,
            R: WasmResults,
        {
            fn into_func(self) -> Func {
                wrap(move |_, ($($name,)*): ($($name,)*)| self($($name),*))
            }
        }

        #[allow(non_snake_case, reason = "names serve for types and values, of which there may be none")]
        impl<F, R, $($name: WasmTy),*> IntoFunc<(WithCaller, $($name,)*), R> for F
        where
            F: Fn(Caller<'_>, $($name),*) -> R + 'static,
            R: WasmResults,
        {
            fn into_func(self) -> Func {
                wrap(move |caller, ($($name,)*): ($($name,)*)| self(caller, $($name),*))
            }
        }
    )* };
}

tuples! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E G;
    A B C D E G H;
    A B C D E G H I;
    A B C D E G H I J;
    A B C D E G H I J K;
}
