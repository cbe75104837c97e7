-- Gives the next generation of a replica: above the last one given, and above the newest that has had the
-- lease.
-- KEYS[1] last generation
-- KEYS[2] current generation
-- Returns the generation.
local last, current = redis.call('GET', KEYS[1]) or 0, redis.call('GET', KEYS[2]) or 0
local next = math.max(tonumber(last), tonumber(current)) + 1
redis.call('SET', KEYS[1], string.format('%.0f', next))
redis.call('PERSIST', KEYS[2])
return next
