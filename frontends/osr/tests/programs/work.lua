-- Strings, tables, closures, numbers and files; prints what can be compared.
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print("fib", fib(tonumber(arg[1]) or 20))

local words, seed = {}, 42
for i = 1, 5000 do
  seed = (seed * 1103515245 + 12345) % 2147483648
  words[i] = string.format("%08x", seed)
end
table.sort(words)
print(words[1], words[2500], words[5000], #table.concat(words))

local function counter()
  local i = 0
  return function() i = i + 1; return i * i end
end
local squares, sum = counter(), 0
for _ = 1, 1000 do sum = sum + squares() end
print("squares", sum)

local x = 0.0
for i = 1, 20000 do x = x + math.sin(i) / math.sqrt(i) end
print(string.format("%.12f", x))

local text = ("the quick brown fox "):rep(200)
local reversed = text:gsub("%w+", function(word) return word:reverse() end)
print(reversed:sub(1, 40), select(2, text:gsub("o", "0")))

local file = io.open("lua-out", "w")
for i, word in ipairs(words) do if i % 100 == 0 then file:write(word, "\n") end end
file:close()
local lines = 0
for _ in io.lines("lua-out") do lines = lines + 1 end
print("lines", lines)
