-- Takes a job back that no worker has taken yet, and the body that it has in a key of its own.
-- KEYS[1] wait  KEYS[2] prioritized  KEYS[3] delayed  KEYS[4] job  KEYS[5] body
-- ARGV[1] job id
-- Returns 1; 0 where the job is not there, or is in a worker's hands.
local removed = redis.call('LREM', KEYS[1], 1, ARGV[1])
if removed == 0 then
  removed = redis.call('ZREM', KEYS[2], ARGV[1]) + redis.call('ZREM', KEYS[3], ARGV[1])
end
if removed == 0 then
  return 0
end
redis.call('UNLINK', KEYS[4], KEYS[5])
return 1
