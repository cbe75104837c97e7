-- Gives a dead letter the id under which it is handed over again, unless it has one.
-- KEYS[1] letter
-- ARGV[1] id of the request
-- Returns the id that it has now, or nothing where there is no such letter.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
redis.call('HSETNX', KEYS[1], 'redriven', ARGV[1])
return redis.call('HGET', KEYS[1], 'redriven')
