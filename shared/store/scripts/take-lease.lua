-- A worker takes the lease of a replica: its own, or, as an adopter, that of one which is not coming back soon. Each
-- taking raises the fence, by which whoever held the lease before is known and refused. The fence is at least the
-- time in µs, so that it rises even where Redis has lost what it was.
-- What its consumer was given and has not read was not begun.
-- KEYS[1] lease  KEYS[2] fence  KEYS[3] current generation  KEYS[4] standby  KEYS[5] consumer  KEYS[6] pardoned
-- ARGV[1] generation of the replica's own worker, 0 for an adopter  ARGV[2] adopter, or ''  ARGV[3] TTL in ms
-- ARGV[4] the lease as JSON  ARGV[5] prefix of the queue's keys
-- Returns {fence, the generation that held it last or 0, 1 if ringpost or a shutdown ended that one else 0}; {0} while
-- the lease is held or, for an adopter, awaited by the replica's own worker; {-1} if a newer generation has held it and
-- the worker has to go.
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
local consumer = redis.call('GET', KEYS[5])
if consumer then
  local deliveries = ARGV[5] .. 'deliveries:' .. string.match(consumer, '^%d+')
  for _, delivery in ipairs(redis.call('LRANGE', deliveries, 0, -1)) do
    local job = ARGV[5] .. string.match(delivery, '^[^\n]*')
    if redis.call('EXISTS', job) == 1 then
      redis.call('HSET', job, 'ats', '0')
    end
  end
  redis.call('DEL', KEYS[5], deliveries)
end
local pardoned = redis.call('GET', KEYS[6])
if generation == 0 then
  -- It says nothing of the adopter's own end.
  redis.call('DEL', KEYS[6])
end
return { string.format('%.0f', fence), last, pardoned and tonumber(pardoned) == last and 1 or 0 }
