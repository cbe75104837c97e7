-- Counts a start of a job, if the job is still there. A job that is gone is not created by this.
-- KEYS[1] job
-- ARGV[1] field of the count
-- Returns how often the job was started, this time included; 0 if it is gone.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
