-- A worker that stops withdraws its announcement.
-- KEYS[1] announcements
-- KEYS[2] departures
-- ARGV[1] the worker, as <replica>#<generation>
-- ARGV[2] TTL of the departures in ms; 0 if its replica is not to leave with it
-- ARGV[3] channel of changes
-- Returns 1.
redis.call('ZREM', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' then
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000), ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  redis.call('PUBLISH', ARGV[3], 'leaves ' .. ARGV[1])
end
return 1
