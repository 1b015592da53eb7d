-- Closures, tables, methods, strings, sorting and numbers; neither coroutines nor errors, which the Lua that is
-- built for WASI does not have. lua script.lua ROUNDS
local rounds = tonumber(arg[1])
local hash = 0
local function mix(value) hash = (hash * 31 + value) & 0xffffffffff end

local seed = 17
local function random(limit)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed // 65536 % limit
end

local Account = {}
Account.__index = Account
function Account.new(id) return setmetatable({ id = id, balance = 0, entries = {} }, Account) end
function Account:add(amount)
  self.balance = self.balance + amount
  self.entries[#self.entries + 1] = amount
end

local function accounts()
  local all, by_name = {}, {}
  for id = 1, 50 do
    all[id] = Account.new(id)
    by_name["account-" .. id] = all[id]
  end
  for _ = 1, 2000 do all[random(50) + 1]:add(random(1000) - 300) end
  table.sort(all, function(a, b) return a.balance < b.balance or a.balance == b.balance and a.id < b.id end)
  for rank, account in ipairs(all) do mix(rank * by_name["account-" .. account.id].balance) end
end

local function queens(size)
  local count, columns, up, down = 0, {}, {}, {}
  local function place(row)
    if row > size then count = count + 1 return end
    for column = 1, size do
      if not (columns[column] or up[row + column] or down[row - column]) then
        columns[column], up[row + column], down[row - column] = true, true, true
        place(row + 1)
        columns[column], up[row + column], down[row - column] = nil, nil, nil
      end
    end
  end
  place(1)
  return count
end

local function words()
  local counts, text = {}, {}
  for i = 1, 300 do text[i] = ("%x"):format(random(4096)) end
  for word in table.concat(text, " "):gmatch("%x+") do counts[word:sub(1, 2)] = (counts[word:sub(1, 2)] or 0) + 1 end
  local keys = {}
  for key in pairs(counts) do keys[#keys + 1] = key end
  table.sort(keys)
  for at, key in ipairs(keys) do mix(at * counts[key] + key:byte()) end
end

local function numbers()
  local x = 1.0
  for i = 1, 3000 do x = x + 1 / (i * x) - x / (i + 2) end
  mix(math.floor(x * 1e6))
end

for _ = 1, rounds do
  accounts()
  mix(queens(6))
  words()
  numbers()
end
print(("%x"):format(hash))
