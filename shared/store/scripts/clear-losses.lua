-- Replaces the losses of a suspect by those that a convicted request did not cause.
-- KEYS[1] job
-- KEYS[2] fence
-- ARGV[1] the worker's fence
-- ARGV[2] losses that the caller has read
-- ARGV[3] losses that are left
-- Returns 1; 0 if the job is gone or has other losses by now; -1 if another worker has taken the lease since.
-- USES isSuperseded
if isSuperseded(redis.call('GET', KEYS[2]), ARGV[1]) then
  return -1
end
if redis.call('HGET', KEYS[1], 'ringpost:losses') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'ringpost:losses', ARGV[3])
return 1
