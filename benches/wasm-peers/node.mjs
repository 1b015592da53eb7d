// Runs a WASI program under V8, and says how long compiling and running took:
//     node FLAGS node.mjs run --times FILE [--dir FOLDER] PROGRAM.wasm ARGUMENTS…
//     node FLAGS node.mjs compile --times FILE [--rounds N] MODULE.wasm
// V8's flags say which of its compilers work. With --single-threaded, the process's processor time is this thread's.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { WASI } from "node:wasi";

// Options end at the program, whose arguments may look like some.
const [verb, ...words] = process.argv.slice(2);
let first = 0;
while (words[first]?.startsWith("--")) first += 2;
const { values } = parseArgs({
  args: words.slice(0, first),
  options: { times: { type: "string" }, rounds: { type: "string" }, dir: { type: "string" } },
});
const [program, ...args] = words.slice(first);

const nanoseconds = (action) => {
  const before = process.cpuUsage();
  const value = action();
  const { user, system } = process.cpuUsage(before);
  return [value, (user + system) * 1000];
};

const wasm = readFileSync(program);
const compile = [];
let module;
for (let turn = 0; turn < Number(values.rounds ?? 1); turn++) {
  // V8 knows modules by their bytes; a custom section makes each one new.
  const section = Uint8Array.of(0, 6, 4, 116, 117, 114, 110, turn);
  const bytes = Buffer.concat([wasm, section]);
  const [value, time] = nanoseconds(() => new WebAssembly.Module(bytes));
  module = value;
  compile.push(time);
}

let run = null;
if (verb === "run") {
  const preopens = values.dir ? { [values.dir]: values.dir } : {};
  const wasi = new WASI({ version: "preview1", args: [basename(program), ...args], preopens });
  const instance = new WebAssembly.Instance(module, wasi.getImportObject());
  const [status, time] = nanoseconds(() => wasi.start(instance));
  if (status) process.exit(status);
  run = time;
}
writeFileSync(values.times, JSON.stringify({ compile_ns: compile, run_ns: run }));
