-- Takes back a job that no worker has started, and the body that it has in its own key. A delivered job
-- that the consumer has not read was not started; nor was a suspect that waits, or one whose worker is dead.
-- KEYS[1] wait
-- KEYS[2] prioritized
-- KEYS[3] delayed
-- KEYS[4] job
-- KEYS[5] body
-- KEYS[6] active
-- KEYS[7] lock
-- KEYS[8] consumer
-- KEYS[9] suspects
-- KEYS[10] lease
-- ARGV[1] job id
-- ARGV[2] prefix of the queue's keys
-- Returns 1; 2 if a worker has died before while it ran the job; 0 if the job is not there, or a worker has
-- started it.
-- USES parseRegistration, deliveriesKey, deliveredId
local id = ARGV[1]
local removed = redis.call('LREM', KEYS[1], 1, id)
if removed == 0 then
  removed = redis.call('ZREM', KEYS[2], id) + redis.call('ZREM', KEYS[3], id)
end
local consumer = removed == 0 and parseRegistration(redis.call('GET', KEYS[8]))
if consumer then
  local deliveries = deliveriesKey(ARGV[2], consumer)
  for _, delivery in ipairs(redis.call('LRANGE', deliveries, 0, -1)) do
    if deliveredId(delivery) == id then
      removed = redis.call('LREM', deliveries, 1, delivery) * redis.call('LREM', KEYS[6], 1, id)
    end
  end
end
if removed == 0 and redis.call('SISMEMBER', KEYS[9], id) == 1 then
  local runs = redis.call('HEXISTS', KEYS[4], 'ringpost:running') * redis.call('EXISTS', KEYS[10])
  if runs == 0 then
    removed = redis.call('SREM', KEYS[9], id)
    redis.call('LREM', KEYS[6], 1, id)
  end
end
if removed == 0 then
  return 0
end
-- The job may be garbled.
local losses = redis.pcall('HEXISTS', KEYS[4], 'ringpost:losses')
redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[7])
return losses == 1 and 2 or 1
