-- Reads which workers have announced themselves, and which leave. Announcements that no longer hold are
-- deleted, and those of the future: Redis's clock was set back since.
-- KEYS[1] announcements
-- KEYS[2] departures
-- ARGV[1] how long an announcement holds, in ms
-- ARGV[2] how many of each are read at most
-- Returns {announcements, departures}, as <replica>#<generation>.
local time = redis.call('TIME')
local now, holds = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now - holds)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now + holds, '+inf')
return {
  redis.call('ZRANGE', KEYS[1], 0, ARGV[2] - 1),
  redis.call('ZRANGE', KEYS[2], 0, ARGV[2] - 1),
}
