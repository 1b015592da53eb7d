//! Backtraces for people.

use core::fmt;

use crate::canonical::{Activation, Frame, State};
use crate::value::Value;

/// Names of functions, from wherever they are.
pub trait FunctionNames {
    /// The name of the function with this index.
    fn name(&self, function: u32) -> Option<&str>;
}

/// No names.
impl FunctionNames for () {
    fn name(&self, _: u32) -> Option<&str> {
        None
    }
}

impl<F: Fn(u32) -> Option<&'static str>> FunctionNames for F {
    fn name(&self, function: u32) -> Option<&str> {
        self(function)
    }
}

/// Prints a state's frames, youngest first.
#[derive(Clone, Copy, Debug)]
pub struct Backtrace<'a, N> {
    state: &'a State,
    names: N,
}

impl State {
    /// The frames as text, youngest first, with their locals and operands.
    ///
    /// ```
    /// use midstride_statemap::{Activation, Frame, Phase, State, Value};
    ///
    /// let frame = Frame {
    ///     function: 3,
    ///     wasm_offset: 0x1c,
    ///     phase: Phase::Trap,
    ///     locals: vec![Value::I32(7), Value::from(0.5)],
    ///     operands: vec![],
    /// };
    /// let state = State { activations: vec![Activation { frames: vec![frame], host_call: None }], ..State::default() };
    /// let names = |function| (function == 3).then_some("divide");
    /// let text = state.backtrace(names).to_string();
    /// assert_eq!(text, "#0 divide (function 3) + 0x1c, trap\n    locals: i32:7 f64:0.5\n");
    /// ```
    pub fn backtrace<N: FunctionNames>(&self, names: N) -> Backtrace<'_, N> {
        Backtrace { state: self, names }
    }
}

impl<N: FunctionNames> fmt::Display for Backtrace<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = 0;
        for activation in self.state.activations.iter().rev() {
            self.activation(f, activation, &mut number)?;
        }
        Ok(())
    }
}

impl<N: FunctionNames> Backtrace<'_, N> {
    fn activation(
        &self,
        f: &mut fmt::Formatter<'_>,
        activation: &Activation,
        number: &mut u32,
    ) -> fmt::Result {
        if let Some(call) = &activation.host_call {
            f.write_str("   host ")?;
            self.function(f, call.function)?;
            list(f, ", arguments:", &call.arguments)?;
            f.write_str("\n")?;
        }
        for frame in activation.frames.iter().rev() {
            self.frame(f, frame, *number)?;
            *number += 1;
        }
        Ok(())
    }

    fn frame(&self, f: &mut fmt::Formatter<'_>, frame: &Frame, number: u32) -> fmt::Result {
        write!(f, "#{number} ")?;
        self.function(f, frame.function)?;
        writeln!(f, " + {:#x}, {}", frame.wasm_offset, frame.phase.name())?;
        for (title, values) in [("    locals:", &frame.locals), ("    operands:", &frame.operands)] {
            list(f, title, values)?;
            if !values.is_empty() {
                f.write_str("\n")?;
            }
        }
        Ok(())
    }

    fn function(&self, f: &mut fmt::Formatter<'_>, function: u32) -> fmt::Result {
        match self.names.name(function) {
            Some(name) => write!(f, "{name} (function {function})"),
            None => write!(f, "function {function}"),
        }
    }
}

/// Nothing when there are no values.
fn list(f: &mut fmt::Formatter<'_>, title: &str, values: &[Value]) -> fmt::Result {
    if !values.is_empty() {
        f.write_str(title)?;
    }
    values.iter().try_for_each(|value| write!(f, " {value}"))
}
