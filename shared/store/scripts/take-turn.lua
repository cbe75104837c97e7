-- Asks for a request's place in the line of its key.
-- KEYS[1] line
-- ARGV[1] request id
-- Returns {how many are before it, the id of the first, how long the first has been in line, in ms}; nil if
-- the request is not in line.
local before = redis.call('ZRANK', KEYS[1], ARGV[1])
if not before then
  return false
end
local time = redis.call('TIME')
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { before, first[1], math.floor((time[1] * 1000000 + time[2] - tonumber(first[2])) / 1000) }
