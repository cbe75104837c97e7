-- Counts that a job is begun, if it is still there: it must not come into being by that.
-- KEYS[1] job
-- ARGV[1] field
-- Returns how often it was begun, this time counted; 0 where it is gone.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
