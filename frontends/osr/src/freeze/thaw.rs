//! From an image to an instance that can go on.

use std::collections::HashMap;

use midstride_statemap::{
    Activation, CompactMap, Frame, FunctionEntry, Image, Mutability, Phase, Shape, ShapeError, SiteState,
    State, ValType as ImageType,
};

use super::Frozen;
use super::callee::{Callee, callee};
use super::error::ThawError;
use super::file::{ImageFile, PageCheck};
use super::restore::{Contents, restore};
use super::values::{image_type, to_bits, to_val};
use crate::compile::ResumeAt;
use crate::compile::sites::RESUME_NOTE;
use crate::instance::{HostCall, Instance, Stopped};
use crate::linker::Linker;
use crate::module::Module;
use crate::runtime::frames::Builder;

impl Linker {
    /// Makes an instance of an image, which goes on when it is [resumed](Frozen::resume). Imports are given
    /// as for [`instantiate`](Self::instantiate); imported globals that can be set, tables and memories
    /// get the image's contents.
    ///
    /// # Errors
    /// [`ThawError`]: what does not fit.
    pub fn thaw(&self, module: &Module, image: &Image) -> Result<Frozen, ThawError> {
        image.expect_module(module.hash())?;
        self.thaw_state(module, &image.state, Contents::State)
    }

    /// As [`thaw`](Self::thaw), from a file, whose pages are mapped and read when they are needed.
    ///
    /// # Errors
    /// [`ThawError`]: what does not fit.
    pub fn thaw_file(
        &self,
        module: &Module,
        file: &ImageFile,
        check: PageCheck,
    ) -> Result<Frozen, ThawError> {
        file.head().expect_module(module.hash())?;
        if check == PageCheck::All {
            file.verify()?;
        }
        self.thaw_state(module, &file.head().state, Contents::File(file))
    }

    fn thaw_state(
        &self,
        module: &Module,
        state: &State,
        contents: Contents<'_>,
    ) -> Result<Frozen, ThawError> {
        let activation = match &state.activations[..] {
            [] => None,
            [one] => Some(one).filter(|activation| !activation.frames.is_empty()),
            _ => return Err(ThawError::Nested),
        };
        let module = resumable(module, activation)?;
        check_shape(&module, state)?;
        let bytes = activation.map_or(Ok(0), |activation| stack_bytes(&module, activation))?;
        let stack = module.engine().config().stack_bytes.max(bytes);
        let instance = Instance::blank(&module, &self.imports_of(&module)?, stack)?;
        if let Some(activation) = activation {
            build(&instance, activation)?;
        }
        restore(&instance, state, contents)?;
        let mut frozen = Frozen::new(&instance);
        state.host.iter().for_each(|part| frozen.set_host_state(&part.name, part.bytes.clone()));
        Ok(frozen)
    }
}

/// The module, compiled again when the youngest frame stands before an operator.
fn resumable(module: &Module, activation: Option<&Activation>) -> Result<Module, ThawError> {
    let youngest = activation.and_then(|activation| activation.frames.last());
    let Some(frame) = youngest.filter(|frame| frame.phase == Phase::Trap) else { return Ok(module.clone()) };
    let (entry, _) = code_of(module, frame)?;
    let wasm = entry.body_offset.wrapping_add(frame.wasm_offset);
    Ok(module.resumable(ResumeAt { func: frame.function, wasm })?)
}

/// Everything against what the module declares, and against its code.
fn check_shape(module: &Module, state: &State) -> Result<(), ThawError> {
    let info = module.info();
    let globals: Vec<_> = info.globals.iter().map(|global| global_type(global.ty)).collect();
    let tables: Vec<_> = info.tables.iter().map(|table| image_type(table.element)).collect();
    let shape = Shape {
        functions: info.funcs.len() as u32,
        imported_functions: info.imported_funcs,
        globals: &globals,
        tables: &tables,
        memories: info.memories.len() as u32,
        data_segments: info.data.len() as u32,
        element_segments: info.elements.len() as u32,
    };
    Ok(state.check_against(&shape, &module.map())?)
}

fn global_type(ty: crate::GlobalType) -> (ImageType, Mutability) {
    let mutability = match ty.mutability {
        crate::Mutability::Const => Mutability::Const,
        crate::Mutability::Var => Mutability::Var,
    };
    (image_type(ty.content), mutability)
}

/// What the frames need, and as much again.
fn stack_bytes(module: &Module, activation: &Activation) -> Result<usize, ThawError> {
    let mut bytes = 0;
    let mut of_function: HashMap<u32, usize> = HashMap::new();
    for frame in &activation.frames {
        bytes += match of_function.get(&frame.function) {
            Some(&known) => known,
            None => {
                let known = code_of(module, frame)?.1.frame_bytes() as usize + 16;
                *of_function.entry(frame.function).or_insert(known)
            }
        };
    }
    Ok(2 * bytes)
}

fn no_site(frame: &Frame) -> ThawError {
    let &Frame { function, wasm_offset, phase, .. } = frame;
    ThawError::NoSuchSite { function, wasm_offset, phase }
}

fn code_of<'m>(module: &'m Module, frame: &Frame) -> Result<(FunctionEntry, CompactMap<'m>), ThawError> {
    module.map().function(frame.function).map_err(ShapeError::from)?.ok_or_else(|| no_site(frame))
}

/// Where a frame goes on.
#[derive(Clone, Copy, Debug)]
struct Place {
    code: u32,
    frame_bytes: u32,
    callee: Option<Callee>,
}

/// Finds places; frames of a recursion have the same ones.
struct Places<'m> {
    module: &'m Module,
    found: HashMap<(u32, u32, Phase), Place>,
}

impl Places<'_> {
    fn find(&mut self, frame: &Frame) -> Result<Place, ThawError> {
        let key = (frame.function, frame.wasm_offset, frame.phase);
        if let Some(place) = self.found.get(&key) {
            return Ok(*place);
        }
        let (entry, map) = code_of(self.module, frame)?;
        let mut state = SiteState::default();
        let site = map.find_wasm(frame.wasm_offset, frame.phase, &mut state).map_err(ShapeError::from)?;
        let site = site.ok_or_else(|| no_site(frame))?;
        if frame.phase == Phase::Trap && site.note != RESUME_NOTE {
            return Err(no_site(frame));
        }
        let callee = match frame.phase {
            Phase::Call => callee(self.module, entry.body_offset + frame.wasm_offset),
            _ => None,
        };
        let code = entry.code_start + map.resume_offset(&site);
        let place = Place { code, frame_bytes: map.frame_bytes(), callee };
        self.found.insert(key, place);
        Ok(place)
    }
}

/// Builds the frames of an entry, whose types are right, on the instance's stack.
fn build(instance: &Instance, activation: &Activation) -> Result<(), ThawError> {
    let module = instance.module();
    // SAFETY: the instance is new: nothing runs on its stack.
    let mut stack = unsafe { Builder::new(instance.stack().top(), instance.stack().limit()) };
    let mut places = Places { module, found: HashMap::new() };
    let mut returns_to = module.address(module.thunks().returned);
    // The oldest frame's function is called by the host.
    let mut callee = activation.frames.first().map(|frame| Callee::Func(frame.function));
    for frame in &activation.frames {
        check_callee(module, callee, frame.function)?;
        let place = places.find(frame)?;
        let values = frame.locals.iter().chain(&frame.operands);
        let values = values.map(|&value| to_bits(instance, value)).collect::<Result<Vec<_>, _>>()?;
        stack.call(returns_to).ok_or(ThawError::Stack)?;
        let (layout, context) = (module.frame(frame.function), instance.context().address());
        stack.enter(layout, place.frame_bytes, context, &values).ok_or(ThawError::Stack)?;
        (returns_to, callee) = (module.address(place.code), place.callee);
    }
    let fp = stack.call(returns_to).ok_or(ThawError::Stack)?;
    instance.stop(Stopped::Way { fp });
    match (&activation.host_call, activation.frames.last()) {
        (None, Some(frame)) if frame.phase == Phase::Call => Err(no_site(frame)),
        (None, _) => Ok(()),
        (Some(call), _) => wait_for(instance, call, callee),
    }
}

fn check_callee(module: &Module, callee: Option<Callee>, function: u32) -> Result<(), ThawError> {
    let info = module.info();
    let called = match callee {
        None => false,
        Some(Callee::Func(index)) => index == function,
        Some(Callee::Type(index)) => info.types[index as usize] == *info.func_type(function),
    };
    if called { Ok(()) } else { Err(ThawError::NotCalled { function }) }
}

fn wait_for(
    instance: &Instance,
    call: &midstride_statemap::HostCall,
    callee: Option<Callee>,
) -> Result<(), ThawError> {
    let (function, module) = (call.function, instance.module());
    check_callee(module, callee, function)?;
    let values = call.arguments.iter().map(|&value| to_val(instance, value));
    let arguments = values.collect::<Result<Vec<_>, _>>()?;
    if !arguments.iter().map(crate::Val::ty).eq(module.info().func_type(function).params().iter().copied()) {
        return Err(ThawError::NotCalled { function });
    }
    instance.wait_for(HostCall { function: Some(function), arguments });
    Ok(())
}
