-- Renews a lease that the worker has taken, and writes again what Redis may have lost of it.
-- KEYS[1] lease
-- KEYS[2] fence
-- KEYS[3] current generation
-- KEYS[4] last generation
-- ARGV[1] the worker's fence
-- ARGV[2] generation, 0 for an adopter
-- ARGV[3] TTL in ms
-- ARGV[4] the lease as JSON
-- Returns 1, or -1 if another worker has taken the lease since.
-- USES isSuperseded
-- A number that cannot be read is treated as lost, like one that Redis has forgotten.
local function number(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and tonumber(value) or 0
end
if isSuperseded(number(KEYS[2]), ARGV[1]) then
  return -1
end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[1])
local generation = tonumber(ARGV[2])
if generation > 0 then
  redis.call('SET', KEYS[3], ARGV[2])
  if number(KEYS[4]) < generation then
    redis.call('SET', KEYS[4], ARGV[2])
  end
end
return 1
