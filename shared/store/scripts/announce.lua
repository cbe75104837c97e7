-- A worker announces itself. The first announcement wakes the controllers.
-- KEYS[1] announcements
-- ARGV[1] the worker, as <replica>#<generation>
-- ARGV[2] TTL of the key in ms
-- ARGV[3] channel of changes
-- Returns 1 if it is the first announcement of this worker, else 0.
local now = redis.call('TIME')
local added = redis.call('ZADD', KEYS[1], now[1] * 1000 + math.floor(now[2] / 1000), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if added == 1 then
  redis.call('PUBLISH', ARGV[3], 'announced ' .. ARGV[1])
end
return added
