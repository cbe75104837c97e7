-- Reads how many jobs of a replica wait and run. Jobs that are not due yet, and streams, do not count.
-- KEYS[1] wait
-- KEYS[2] paused
-- KEYS[3] active
-- KEYS[4] prioritized
-- KEYS[5] consumer
-- Returns {how many run or wait without a priority, how many wait with one, how many jobs the registered
-- consumer may hold, or 0}.
-- USES parseRegistration
local call = redis.call
local _, limit = parseRegistration(call('GET', KEYS[5]))
local listed = call('LLEN', KEYS[1]) + call('LLEN', KEYS[2]) + call('LLEN', KEYS[3])
return { listed, call('ZCARD', KEYS[4]), tonumber(limit or 0) }
