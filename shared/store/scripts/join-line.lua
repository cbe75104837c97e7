-- Puts a request at the end of the line of its key, unless it is in the line already.
-- KEYS[1] line
-- ARGV[1] request id
-- ARGV[2] TTL of the line in ms; the line's TTL is only ever raised
-- Returns nothing.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  local time = redis.call('TIME')
  local place = time[1] * 1000000 + time[2]
  local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  -- A clock may stand still or go back; the order of the line must not.
  if last and tonumber(last) >= place then
    place = tonumber(last) + 1
  end
  redis.call('ZADD', KEYS[1], string.format('%.0f', place), ARGV[1])
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
