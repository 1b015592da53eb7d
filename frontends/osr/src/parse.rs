//! From the bytes of a module to what it declares; functions are left to the compiler.

use wasmparser::{
    BinaryReader, DataKind, ElementItems, ElementKind, ExternalKind, FuncToValidate, FunctionBody,
    KnownCustom, Name, Operator, Parser, Payload, TypeRef, ValidPayload, Validator, ValidatorResources,
    WasmFeatures,
};

use crate::error::{ModuleError, Unsupported};
use crate::info::{
    ConstExpr, DataSegment, ElementSegment, GlobalInit, Import, Item, ModuleInfo, SegmentMode,
};
use crate::types::{FuncType, GlobalType, Limits, MemoryType, Mutability, TableType, ValType};

/// What is supported: wasm 2.0.
const FEATURES: WasmFeatures = WasmFeatures::WASM2;

/// With it the reader takes limits and offsets in more bytes than numbers of 32 bits can have.
const NUMBERS_OF_64_BITS: WasmFeatures = WasmFeatures::MEMORY64;

/// A function to be compiled.
pub(crate) type Pending<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Features, by the words in which the validator refuses them.
const REFUSALS: [(&str, Unsupported); 17] = [
    ("component model", Unsupported::Components),
    ("multi-memory", Unsupported::MultiMemory),
    ("multiple memories", Unsupported::MultiMemory),
    ("memory64", Unsupported::Memory64),
    ("64-bit", Unsupported::Memory64),
    ("tail calls", Unsupported::TailCalls),
    ("exceptions", Unsupported::Exceptions),
    ("exception refs", Unsupported::Exceptions),
    ("threads", Unsupported::Threads),
    ("gc support", Unsupported::Gc),
    ("gc feature", Unsupported::Gc),
    ("gc proposal", Unsupported::Gc),
    ("relaxed SIMD", Unsupported::RelaxedSimd),
    ("custom page sizes", Unsupported::CustomPageSizes),
    ("wide arithmetic", Unsupported::WideArithmetic),
    ("function references", Unsupported::TypedReferences),
    ("stack switching", Unsupported::StackSwitching),
];

/// A validator's refusal in our words.
pub(crate) fn refused(error: &wasmparser::BinaryReaderError) -> ModuleError {
    let (offset, reason) = (error.offset(), error.message());
    match REFUSALS.iter().find(|(words, _)| reason.contains(words)) {
        Some(&(_, what)) => ModuleError::Unsupported { offset, what },
        None => ModuleError::Invalid { offset, reason: reason.to_owned() },
    }
}

impl From<wasmparser::BinaryReaderError> for ModuleError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        refused(&error)
    }
}

/// An error for something at `offset`.
fn unsupported(offset: u64) -> impl Fn(Unsupported) -> ModuleError {
    move |what| ModuleError::Unsupported { offset, what }
}

/// Reads all of a module but the bodies of its functions.
pub(crate) fn parse(wasm: &[u8]) -> Result<(ModuleInfo, Vec<Pending<'_>>), ModuleError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut sections = Sections::default();
    let mut parser = Parser::new(0);
    // What else is not supported is read, so that the validator can name it.
    parser.set_features(parser.features() - NUMBERS_OF_64_BITS);
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        if let ValidPayload::Func(func, body) = validator.payload(&payload)? {
            sections.pending.push((func, body));
        }
        sections.section(payload)?;
    }
    sections.info.names.sort_by_key(|(func, _)| *func);
    Ok((sections.info, sections.pending))
}

#[derive(Default)]
struct Sections<'a> {
    info: ModuleInfo,
    pending: Vec<Pending<'a>>,
}

impl<'a> Sections<'a> {
    fn section(&mut self, payload: Payload<'a>) -> Result<(), ModuleError> {
        match payload {
            Payload::TypeSection(reader) => self.types(reader),
            Payload::ImportSection(reader) => self.imports(reader),
            Payload::FunctionSection(reader) => reader.into_iter().try_for_each(|ty| {
                self.info.funcs.push(ty?);
                Ok(())
            }),
            Payload::TableSection(reader) => reader.into_iter().try_for_each(|table| self.table(&table?)),
            Payload::MemorySection(reader) => reader.into_iter().try_for_each(|ty| self.memory(ty?)),
            Payload::GlobalSection(reader) => {
                reader.into_iter_with_offsets().try_for_each(|g| self.global(g?))
            }
            Payload::ExportSection(reader) => reader.into_iter().try_for_each(|export| self.export(export?)),
            Payload::StartSection { func, .. } => {
                self.info.start = Some(func);
                Ok(())
            }
            Payload::ElementSection(reader) => {
                reader.into_iter().try_for_each(|element| self.element(element?))
            }
            Payload::DataSection(reader) => reader.into_iter().try_for_each(|data| self.data(data?)),
            Payload::CustomSection(section) => {
                self.custom(&section);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn types(&mut self, reader: wasmparser::TypeSectionReader<'a>) -> Result<(), ModuleError> {
        let at = reader.range().start;
        for ty in reader.into_iter_err_on_gc_types() {
            self.info.types.push(FuncType::read(&ty?).map_err(unsupported(at))?);
        }
        Ok(())
    }

    fn imports(&mut self, reader: wasmparser::ImportSectionReader<'a>) -> Result<(), ModuleError> {
        let at = reader.range().start;
        for import in reader.into_imports() {
            let import = import?;
            let item = self.imported(import.ty, at)?;
            let (module, name) = (import.module.to_owned(), import.name.to_owned());
            self.info.imports.push(Import { module, name, item });
        }
        Ok(())
    }

    fn imported(&mut self, ty: TypeRef, at: u64) -> Result<Item, ModuleError> {
        let info = &mut self.info;
        Ok(match ty {
            TypeRef::Func(ty) => {
                info.funcs.push(ty);
                Item::Func(next(&mut info.imported_funcs))
            }
            TypeRef::Table(ty) => {
                info.tables.push(table_type(&ty).map_err(unsupported(at))?);
                Item::Table(next(&mut info.imported_tables))
            }
            TypeRef::Memory(ty) => {
                info.memories.push(memory_type(ty));
                Item::Memory(next(&mut info.imported_memories))
            }
            TypeRef::Global(ty) => {
                let ty = global_type(ty).map_err(unsupported(at))?;
                info.globals.push(GlobalInit { ty, value: None });
                Item::Global(next(&mut info.imported_globals))
            }
            TypeRef::Tag(_) => return Err(unsupported(at)(Unsupported::Exceptions)),
            TypeRef::FuncExact(_) => return Err(unsupported(at)(Unsupported::Other)),
        })
    }

    fn table(&mut self, table: &wasmparser::Table<'a>) -> Result<(), ModuleError> {
        match &table.init {
            wasmparser::TableInit::RefNull => {
                self.info.tables.push(table_type(&table.ty).map_err(unsupported(0))?);
                Ok(())
            }
            wasmparser::TableInit::Expr(expr) => {
                let at = expr.get_binary_reader().original_position();
                Err(unsupported(at)(Unsupported::TableInitializers))
            }
        }
    }

    fn memory(&mut self, ty: wasmparser::MemoryType) -> Result<(), ModuleError> {
        self.info.memories.push(memory_type(ty));
        Ok(())
    }

    fn global(&mut self, (at, global): (u64, wasmparser::Global<'a>)) -> Result<(), ModuleError> {
        let ty = global_type(global.ty).map_err(unsupported(at))?;
        let value = Some(const_expr(&global.init_expr)?);
        self.info.globals.push(GlobalInit { ty, value });
        Ok(())
    }

    fn export(&mut self, export: wasmparser::Export<'a>) -> Result<(), ModuleError> {
        let item = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => Item::Func(export.index),
            ExternalKind::Table => Item::Table(export.index),
            ExternalKind::Memory => Item::Memory(export.index),
            ExternalKind::Global => Item::Global(export.index),
            ExternalKind::Tag => return Err(unsupported(0)(Unsupported::Exceptions)),
        };
        self.info.exports.push((export.name.to_owned(), item));
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> Result<(), ModuleError> {
        let mode = match element.kind {
            ElementKind::Passive => SegmentMode::Passive,
            ElementKind::Declared => SegmentMode::Declared,
            ElementKind::Active { table_index, offset_expr } => {
                SegmentMode::Active { target: table_index.unwrap_or(0), offset: const_expr(&offset_expr)? }
            }
        };
        let items = match element.items {
            ElementItems::Functions(reader) => {
                reader.into_iter().map(|func| Ok(ConstExpr::Func(func?))).collect::<Result<_, ModuleError>>()
            }
            ElementItems::Expressions(_, reader) => {
                reader.into_iter().map(|expr| const_expr(&expr?)).collect()
            }
        }?;
        self.info.elements.push(ElementSegment { mode, items });
        Ok(())
    }

    fn data(&mut self, data: wasmparser::Data<'a>) -> Result<(), ModuleError> {
        let mode = match data.kind {
            DataKind::Passive => SegmentMode::Passive,
            DataKind::Active { memory_index, offset_expr } => {
                SegmentMode::Active { target: memory_index, offset: const_expr(&offset_expr)? }
            }
        };
        let end = data.range.end as usize;
        let bytes = end - data.data.len()..end;
        self.info.data.push(DataSegment { mode, bytes });
        Ok(())
    }

    /// Names; a damaged section is as good as none.
    fn custom(&mut self, section: &wasmparser::CustomSectionReader<'a>) {
        let KnownCustom::Name(reader) = section.as_known() else { return };
        for subsection in reader.into_iter().map_while(Result::ok) {
            if let Name::Function(names) = subsection {
                let names = names.into_iter().map_while(Result::ok);
                self.info.names.extend(names.map(|naming| (naming.index, naming.name.to_owned())));
            }
        }
    }
}

/// The number so far, which grows by one.
fn next(count: &mut u32) -> u32 {
    *count += 1;
    *count - 1
}

fn table_type(ty: &wasmparser::TableType) -> Result<TableType, Unsupported> {
    let element = ValType::read(ty.element_type.into())?;
    Ok(TableType { element, limits: limits(ty.initial, ty.maximum) })
}

fn memory_type(ty: wasmparser::MemoryType) -> MemoryType {
    MemoryType { limits: limits(ty.initial, ty.maximum) }
}

/// Limits that were found to fit 32 bits.
fn limits(min: u64, max: Option<u64>) -> Limits {
    Limits { min: min as u32, max: max.map(|max| max as u32) }
}

fn global_type(ty: wasmparser::GlobalType) -> Result<GlobalType, Unsupported> {
    let mutability = if ty.mutable { Mutability::Var } else { Mutability::Const };
    Ok(GlobalType { content: ValType::read(ty.content_type)?, mutability })
}

/// A constant expression that was found valid.
fn const_expr(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, ModuleError> {
    let reader: BinaryReader<'_> = expr.get_binary_reader();
    let at = reader.original_position();
    let operator = expr.get_operators_reader().read()?;
    Ok(match operator {
        Operator::I32Const { value } => ConstExpr::Value(value.cast_unsigned().into()),
        Operator::I64Const { value } => ConstExpr::Value(value.cast_unsigned().into()),
        Operator::F32Const { value } => ConstExpr::Value(value.bits().into()),
        Operator::F64Const { value } => ConstExpr::Value(value.bits().into()),
        Operator::V128Const { value } => ConstExpr::Value(value.i128().cast_unsigned()),
        Operator::RefNull { .. } => ConstExpr::Value(0),
        Operator::GlobalGet { global_index } => ConstExpr::Global(global_index),
        Operator::RefFunc { function_index } => ConstExpr::Func(function_index),
        _ => return Err(unsupported(at)(Unsupported::ExtendedConst)),
    })
}
