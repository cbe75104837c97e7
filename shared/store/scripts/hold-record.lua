-- Keeps what is known of a request until its callback, which is put off, has been told.
-- KEYS[1] record  KEYS[2] kept answer
-- ARGV[1] time in ms for which they are kept at least
-- Returns 1, or 0 if they are kept for so long anyway, or are gone.
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left >= tonumber(ARGV[1]) then
  return 0
end
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'expires', string.format('%.0f', time[1] * 1000 + time[2] / 1000 + left))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
