//! Events as programs read them.

use midstride_control::Value as RegisterValue;
use midstride_frame::Register;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::event::{Code, Event, Fault, Format, Which, Why};

impl Event {
    /// The event as an object; `event` says what it is. Addresses and values are strings in hex.
    ///
    /// ```
    /// use midstride_lab::Event;
    ///
    /// let event = Event::Ended { how: "end".to_owned() };
    /// assert_eq!(event.to_json().to_string(), r#"{"event":"ended","how":"end"}"#);
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Code(code) => tagged("code", code_json(code)),
            Self::Changed(change) => json!({
                "event": "changed",
                "register": change.register.to_string(),
                "before": register_json(change.before),
                "after": register_json(change.after),
            }),
            Self::Unchanged => json!({ "event": "unchanged" }),
            Self::At { why, code } => tagged(why_json(*why), code_json(code)),
            Self::Ended { how } => json!({ "event": "ended", "how": how }),
            Self::Fault(fault) => fault_json(fault),
            Self::Syscall { number, args } => {
                json!({ "event": "syscall", "number": number, "args": args.map(hex) })
            }
            Self::Killed { how } => json!({ "event": "killed", "how": how }),
            Self::Memory { address, bytes, format } => memory_json(*address, bytes, *format),
            Self::Registers { registers, which } => registers_json(registers, *which),
            Self::Bench { min, median, samples, runs } => json!({
                "event": "bench", "min_ns": min, "median_ns": median, "samples": samples, "runs": runs,
            }),
            Self::Backend(backend) => json!({ "event": "backend", "backend": backend.name() }),
            Self::Breakpoint { code, condition } => json!({
                "event": "breakpoint-set",
                "address": code.as_ref().map(|code| hex(code.address)),
                "condition": condition,
            }),
            Self::Text(text) => json!({ "event": "text", "text": text }),
        }
    }
}

impl Error {
    /// The error as an object, with its place if it has one.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "event": "error", "message": self.to_string() });
        if let Self::Syntax { source, error } = self {
            let place = error.span.location(source);
            object["message"] = json!(error.to_string());
            object["line"] = json!(place.line);
            object["column"] = json!(place.column);
            object["text"] = json!(error.span.text(source));
        }
        object
    }
}

fn hex(value: u64) -> String {
    format!("{value:#x}")
}

fn bytes_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tagged(event: &str, mut object: Map<String, Value>) -> Value {
    object.insert("event".to_owned(), json!(event));
    Value::Object(object)
}

fn code_json(code: &Code) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("address".to_owned(), json!(hex(code.address)));
    object.insert("bytes".to_owned(), json!(bytes_hex(&code.bytes)));
    object.insert("length".to_owned(), json!(code.bytes.len()));
    object.insert("text".to_owned(), json!(code.text));
    if let Some(note) = &code.note {
        object.insert("note".to_owned(), json!(note.to_string()));
    }
    object
}

fn why_json(why: Why) -> &'static str {
    match why {
        Why::Step => "step",
        Why::Breakpoint => "breakpoint",
        Why::Interrupted => "interrupted",
        Why::Waiting => "at",
        Why::Refused => "refused",
    }
}

fn register_json(value: RegisterValue) -> Value {
    match value {
        RegisterValue::Word(word) => json!(hex(word)),
        RegisterValue::Vector(vector) => json!(format!("0x{}", vector.to_string().replace('_', ""))),
        RegisterValue::Float(float) => json!(float.to_f64()),
        other => json!(other.to_string()),
    }
}

fn fault_json(fault: &Fault) -> Value {
    json!({
        "event": "fault",
        "signal": fault.signal,
        "code": fault.code,
        "address": hex(fault.address),
        "place": fault.place,
        "at": fault.insn.as_ref().map(|insn| hex(insn.address)),
        "insn": fault.insn.as_ref().map(|insn| insn.text.clone()),
    })
}

fn memory_json(address: u64, bytes: &[u8], format: Format) -> Value {
    let mut object = json!({ "event": "memory", "address": hex(address), "bytes": bytes_hex(bytes) });
    if let Format::Numbers(number) = format {
        let values: Vec<String> = bytes.chunks(number.bytes()).map(|value| number.show(value)).collect();
        object["values"] = json!(values);
    }
    object
}

fn registers_json(registers: &midstride_control::Registers, which: Which) -> Value {
    let is_shown = |register: &Register| match which {
        Which::One(one) => *register == one,
        Which::Vector => register.vector_number().is_some() || register.mask_number().is_some(),
        Which::Fpu => register.x87_number().is_some(),
        Which::Usual => register.to_byte() <= Register::RFLAGS.to_byte(),
        Which::All => true,
    };
    let all = (0..=u8::MAX).filter_map(Register::from_byte).filter(is_shown);
    let values =
        all.filter_map(|register| Some((register.to_string(), register_json(registers.get(register)?))));
    json!({ "event": "registers", "values": values.collect::<Map<_, _>>() })
}
