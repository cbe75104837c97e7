-- Takes a request out of the line of its key.
-- KEYS[1] line
-- ARGV[1] request id
-- Returns the id of the one whose turn it is now, or nil where the line is empty or the request was not in it.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then
  return false
end
return redis.call('ZRANGE', KEYS[1], 0, 0)[1] or false
