-- Takes the lease of a replica: for its own worker, or for an adopter if the replica's worker is not coming
-- back soon. Each taking raises the fence, so that a worker that had the lease before is known and refused.
-- The fence is at least Redis's time in us, so it rises even if Redis has lost the last one. Jobs that the
-- last consumer has not read were not started: their count of attempts starts again. The note that the
-- replica sleeps ends.
-- KEYS[1] lease
-- KEYS[2] fence
-- KEYS[3] current generation
-- KEYS[4] standby
-- KEYS[5] consumer
-- KEYS[6] pardoned
-- ARGV[1] generation of the replica's own worker, 0 for an adopter
-- ARGV[2] adopter, or ''
-- ARGV[3] TTL in ms
-- ARGV[4] the lease as JSON
-- ARGV[5] prefix of the queue's keys
-- Returns {fence, the generation that had it last or 0, 1 if ringpost or a shutdown ended that one else 0};
-- {0} if another worker has the lease or, for an adopter, if the replica's own worker waits for it; {-1} if a
-- newer generation has had it and this worker has to leave.
-- USES parseRegistration, deliveriesKey, deliveredId
for at = 2, 3 do
  if not string.match(redis.call('GET', KEYS[at]) or '0', '^%d+$') then
    return redis.error_reply('ERR the fence or the generation cannot be read')
  end
end
local generation, last = tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[3]) or 0)
if generation > 0 and last > generation then
  return { -1 }
end
local held = redis.call('GET', KEYS[1])
if held then
  local lease = cjson.decode(held)
  if lease.generation ~= generation or (lease.adopter or '') ~= ARGV[2] then
    return { 0 }
  end
elseif generation == 0 and redis.call('EXISTS', KEYS[4]) == 1 then
  return { 0 }
end
local now = redis.call('TIME')
local before = tonumber(redis.call('GET', KEYS[2]) or 0)
local fence = math.max(now[1] * 1000000 + now[2], before + 1)
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3])
redis.call('SET', KEYS[2], string.format('%.0f', fence))
if generation > 0 then
  redis.call('SET', KEYS[3], ARGV[1])
end
-- The registration of the last consumer may be withdrawn, since its event loop stalled.
local registered = parseRegistration(redis.call('GET', KEYS[5]))
for consumer in pairs({ [string.format('%.0f', before)] = true, [registered or '0'] = true }) do
  local deliveries = deliveriesKey(ARGV[5], consumer)
  for _, delivery in ipairs(redis.call('LRANGE', deliveries, 0, -1)) do
    local job = ARGV[5] .. deliveredId(delivery)
    if redis.call('EXISTS', job) == 1 then
      redis.call('HSET', job, 'ats', '0')
    end
  end
  redis.call('DEL', deliveries)
end
redis.call('DEL', KEYS[5])
local pardoned = redis.call('GET', KEYS[6])
if generation == 0 then
  -- It must not excuse the adopter's own death later.
  redis.call('DEL', KEYS[6])
end
return { string.format('%.0f', fence), last, pardoned and tonumber(pardoned) == last and 1 or 0 }
