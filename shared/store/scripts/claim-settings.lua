-- Sets the settings that all gateways share, if there are none yet or the caller may replace them.
-- KEYS[1] settings
-- ARGV[1] channel of changes
-- ARGV[2] 1 to replace what is there, else 0
-- ARGV[3..] alternating names and values
-- Returns the settings that were there before, a flat list of names and values. Nothing is set if one of them
-- differs and may not be replaced.
local stored = redis.call('HGETALL', KEYS[1])
local before = {}
for at = 1, #stored, 2 do
  before[stored[at]] = stored[at + 1]
end
local changes = {}
for at = 3, #ARGV, 2 do
  local name, value = ARGV[at], ARGV[at + 1]
  if before[name] ~= value then
    if before[name] and ARGV[2] ~= '1' then
      return stored
    end
    table.insert(changes, name)
    table.insert(changes, value)
  end
end
if #changes > 0 then
  redis.call('HSET', KEYS[1], unpack(changes))
  redis.call('PUBLISH', ARGV[1], 'settings')
end
return stored
