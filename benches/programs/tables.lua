-- Tables, closures, strings, coroutines and metatables.
local scale = tonumber(arg[1])

local Point = {}
Point.__index = Point
Point.__add = function(a, b) return setmetatable({ x = a.x + b.x, y = a.y + b.y }, Point) end
function Point:norm() return self.x * self.x + self.y * self.y end

local function points(count)
  local sum = setmetatable({ x = 0, y = 0 }, Point)
  for i = 1, count do sum = sum + setmetatable({ x = i % 7, y = i % 11 }, Point) end
  return sum:norm()
end

local function sieve(limit)
  local composite, primes = {}, 0
  for i = 2, limit do
    if not composite[i] then
      primes = primes + 1
      for j = i * i, limit, i do composite[j] = true end
    end
  end
  return primes
end

local function strings(count)
  local parts = {}
  for i = 1, count do parts[#parts + 1] = string.format("%d:%s", i, string.rep("x", i % 5)) end
  local text = table.concat(parts, ",")
  return #text, select(2, text:gsub("(%d+):xx,", "%1"))
end

local function coroutines(count)
  local generator = coroutine.wrap(function() for i = 1, count do coroutine.yield(i) end return 0 end)
  local sum = 0
  for _ = 1, count do sum = sum + generator() end
  return sum
end

local function sorting(count)
  local values = {}
  for i = 1, count do values[i] = i * 7919 % 10007 end
  table.sort(values, function(a, b) return a > b end)
  return values[1], values[count]
end

print(points(scale * 300))
print(sieve(scale * 600))
print(strings(scale * 60))
print(coroutines(scale * 200))
print(sorting(scale * 60))
