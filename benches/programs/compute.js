// Arithmetic in hot loops, closures, strings, and enough allocation to keep the collector busy.
const scale = Number(process.argv[2]);

function matrix(size) {
  const a = new Float64Array(size * size).map((_, i) => i % 7);
  const b = new Float64Array(size * size).map((_, i) => i % 5);
  let trace = 0;
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += a[i * size + k] * b[k * size + j];
      if (i === j) trace += sum;
    }
  return trace;
}

function objects(count) {
  let list = null;
  for (let i = 0; i < count; i++) list = { value: i, next: i % 100 ? list : null };
  let sum = 0;
  for (let node = list; node; node = node.next) sum += node.value;
  return sum;
}

function strings(count) {
  const words = new Map();
  for (let i = 0; i < count; i++) {
    const key = `w${(i * 7919) % 1009}`;
    words.set(key, (words.get(key) ?? 0) + 1);
  }
  return [...words.keys()].sort().join("").length;
}

const steps = [(x) => x + 1, (x) => x * 3, (x) => x ^ 0x55, (x) => x >>> 1];
function closures(count) {
  let value = 1;
  for (let i = 0; i < count; i++) value = steps[i & 3](value) & 0xffffff;
  return value;
}

console.log(matrix(60 + scale), objects(scale * 40000), strings(scale * 6000), closures(scale * 300000));
