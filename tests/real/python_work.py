#: python: computing, strings, regular expressions, json, zlib, hashing, decimals, dates
#: needs: python3
#: expect: 3972999029388
import collections, decimal, functools, hashlib, itertools, json, random, re, struct, zlib
random.seed(5)
words = [''.join(random.choice('abcde') for _ in range(random.randrange(1, 9))) for _ in range(3000)]
print(collections.Counter(words).most_common(5))
print(len(re.findall(r'(a+b)|(c[de]*)', ' '.join(words))), re.sub(r'(\w)(\w)', r'\2\1', 'hello world'))
data = json.dumps({w: i for i, w in enumerate(words)}, sort_keys=True).encode()
print(hashlib.sha256(data).hexdigest(), zlib.crc32(data), len(zlib.compress(data, 9)))
print(decimal.getcontext().sqrt(decimal.Decimal(2)), struct.pack('<dQ', 1.5, 7).hex())
@functools.lru_cache(None)
def ways(n, k): return 1 if n == 0 else 0 if n < 0 or k == 0 else ways(n - k, k) + ways(n, k - 1)
print(ways(200, 200))
class Tree:
    def __init__(self, d): self.kids = [Tree(d - 1) for _ in range(3)] if d else []
    def size(self): return 1 + sum(k.size() for k in self.kids)
print(Tree(6).size())
def generate():
    for x in itertools.count():
        try: got = yield x
        except ValueError: yield 'caught'
g = generate(); print(next(g), next(g), g.throw(ValueError))
try: [].pop()
except IndexError as e: print(repr(e))
print(sum(x * x for x in range(100000)), sorted(words)[1500], 2 ** 500 % 1000007)
