#: node: JIT-compiled code, closures, regular expressions, a worker thread, child processes, exceptions, WebAssembly
#: needs: node
#: limit: 120
#: expect: worker
node -e '
let h = 0; function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } console.log(f(25));
for (let i = 0; i < 300000; i++) h = (h * 31 + i) | 0; console.log(h);
const o = []; for (let i = 0; i < 3000; i++) o.push({ a: i % 7, ["k" + i % 5]: i }); console.log(o.reduce((s, x) => s + x.a + (x.k3 || 0), 0));
console.log("aXbXc".replace(/X(.)/g, (m, c) => c.toUpperCase()), [3, 1, 2].sort().join());
try { null.x } catch (e) { console.log(e.message) }
const { Worker } = require("worker_threads");
const w = new Worker("const{parentPort}=require(\"worker_threads\");let s=0;for(let i=0;i<1e6;i++)s=(s+i*i)%1000007;parentPort.postMessage(s)", { eval: true });
w.on("message", m => { console.log("worker", m); console.log(String(require("child_process").execSync("echo child"))); process.exit(3) });'
echo $?
node -e 'const b = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]); WebAssembly.instantiate(b).then(r => { let s = 0; for (let i = 0; i < 100000; i++) s = r.instance.exports.add(s, i); console.log(s) })'
