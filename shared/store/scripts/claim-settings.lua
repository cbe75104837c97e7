-- Makes settings those that all gateways have, where there are none yet; or instead of those that stand.
-- KEYS[1] settings
-- ARGV[1] channel of changes  ARGV[2] 1 to replace what stands  ARGV[3...] names and values in turn
-- Returns the settings that stood before, a flat list of names and values. Nothing is set if one of them differs and
-- is not to be replaced.
local standing = redis.call('HGETALL', KEYS[1])
local before = {}
for at = 1, #standing, 2 do
  before[standing[at]] = standing[at + 1]
end
local changes = {}
for at = 3, #ARGV, 2 do
  local name, value = ARGV[at], ARGV[at + 1]
  if before[name] ~= value then
    if before[name] and ARGV[2] ~= '1' then
      return standing
    end
    table.insert(changes, name)
    table.insert(changes, value)
  end
end
if #changes > 0 then
  redis.call('HSET', KEYS[1], unpack(changes))
  redis.call('PUBLISH', ARGV[1], 'settings')
end
return standing
