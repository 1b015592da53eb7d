// Runs a Ruby script in Ruby's own WebAssembly module: node ruby.mjs MODULE SCRIPT
import { WASI } from 'node:wasi';
import fs from 'node:fs';

const [module, script] = [2, 3].map((n) => fs.readFileSync(process.argv[n]));
const wasi = new WASI({ version: 'preview1', args: ['ruby'], env: {} });
const ruby = await WebAssembly.compile(module);
const imports = wasi.getImportObject();
for (const { module, name } of WebAssembly.Module.imports(ruby)) {
  // Handles are what they stand for; JavaScript is not there.
  (imports[module] ??= {})[name] ??= (value) => value;
}
const instance = await WebAssembly.instantiate(ruby, imports);
wasi.initialize(instance);
const call = (name, ...args) => Object.entries(instance.exports).find(([known]) => known.startsWith(name))[1](...args);
const put = (bytes, align) => {
  const at = call('cabi_realloc', 0, 0, align, bytes.length);
  new Uint8Array(instance.exports.memory.buffer).set(bytes, at);
  return [at, bytes.length];
};
const list = ['ruby', '-e_=0'].map((text) => put(Buffer.from(text + '\0'), 1)).flatMap(([at, bytes]) => [at, bytes - 1]);
call('ruby-init:', put(new Uint8Array(Uint32Array.from(list).buffer), 4)[0], 2);
call('rb-eval-string-protect:', ...put(script, 1));
