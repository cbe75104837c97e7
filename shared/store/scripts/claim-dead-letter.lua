-- Gives a dead letter the id of the request that repeats it, unless it has one.
-- KEYS[1] letter
-- ARGV[1] id of the request
-- Returns the id that the letter has now, or nil if there is no such letter.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
redis.call('HSETNX', KEYS[1], 'redriven', ARGV[1])
return redis.call('HGET', KEYS[1], 'redriven')
