-- Asks whose turn it is in the line of a key. A request that has lost its place gets one at the end.
-- KEYS[1] line
-- ARGV[1] request id  ARGV[2] TTL of the line in ms, where it has to be made again
-- Returns how many are before it, the id of the first in line, and since how many ms that one is in it.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  local place = math.max(now, tonumber(last or 0) + 1)
  redis.call('ZADD', KEYS[1], string.format('%.0f', place), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local before = redis.call('ZRANK', KEYS[1], ARGV[1])
return { before, first[1], math.floor((now - tonumber(first[2])) / 1000) }
