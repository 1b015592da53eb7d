#: lua: tables, closures, coroutines, string patterns, metatables, errors, a pipe, the garbage collector
#: also: count
#: needs: lua5.4
#: expect: caught 5
lua5.4 -e '
local s, t = 7, {}
for i = 1, 60000 do s = (s * 1103515245 + 12345) & 0x7fffffff; t[s % 997] = (t[s % 997] or 0) + i end
local keys = {}; for k in pairs(t) do keys[#keys + 1] = k end; table.sort(keys)
local h = 0; for _, k in ipairs(keys) do h = (h * 31 + k * t[k]) & 0xffffffff end; print(#keys, h)
local words = {}; for w in ("the quick brown fox jumps over the lazy dog "):rep(200):gmatch("%a+") do words[w] = (words[w] or 0) + 1 end
print(words.the, words.fox, (("a1b22c333"):gsub("%d+", function(d) return "<" .. #d .. ">" end)))
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i * i) end end) end
local sum = 0; for v in gen(3000) do sum = sum + v end; print(sum)
local V = {}; V.__index = V; V.__add = function(a, b) return setmetatable({x = a.x + b.x}, V) end
local v = setmetatable({x = 0}, V); for i = 1, 5000 do v = v + setmetatable({x = i}, V) end; print(v.x)
local ok, e = pcall(function() error({code = 5}) end); print("caught " .. e.code, ok)
print(select(2, pcall(function() local n = nil; return n.field end)))
local p = io.popen("seq 1 5 | tac"); print(p:read("a")); p:close()
local junk = {}; for i = 1, 20000 do junk[i % 100] = {i, tostring(i)} end; collectgarbage(); print(string.format("%.10g %q %x", math.exp(1), "q\n", 255))
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end print(fib(22)); os.exit(4)'
echo $?
