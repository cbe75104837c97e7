-- Takes a request out of the line of its key.
-- KEYS[1] line
-- ARGV[1] request id
-- Returns the id of the request whose turn it is now; nil if the request was not the first, or if the line is
-- empty.
local before = redis.call('ZRANK', KEYS[1], ARGV[1])
if not before then
  return false
end
redis.call('ZREM', KEYS[1], ARGV[1])
return before == 0 and redis.call('ZRANGE', KEYS[1], 0, 0)[1] or false
