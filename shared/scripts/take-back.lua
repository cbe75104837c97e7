-- Takes a job back that no worker has taken yet, and the body that it has in a key of its own. A job that the consumer was
-- given and has not read is not taken yet.
-- KEYS[1] wait  KEYS[2] prioritized  KEYS[3] delayed  KEYS[4] job  KEYS[5] body  KEYS[6] active  KEYS[7] lock
-- KEYS[8] consumer
-- ARGV[1] job id  ARGV[2] prefix of the queue's keys
-- Returns 1; 0 where the job is not there, or is in a worker's hands.
local removed = redis.call('LREM', KEYS[1], 1, ARGV[1])
if removed == 0 then
  removed = redis.call('ZREM', KEYS[2], ARGV[1]) + redis.call('ZREM', KEYS[3], ARGV[1])
end
local consumer = removed == 0 and redis.call('GET', KEYS[8])
if consumer then
  local deliveries = ARGV[2] .. 'deliveries:' .. string.match(consumer, '^%d+')
  for _, delivery in ipairs(redis.call('LRANGE', deliveries, 0, -1)) do
    if string.match(delivery, '^[^\n]*') == ARGV[1] then
      removed = redis.call('LREM', deliveries, 1, delivery) * redis.call('LREM', KEYS[6], 1, ARGV[1])
    end
  end
end
if removed == 0 then
  return 0
end
redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[7])
return 1
