-- Notes that a worker died while it ran a job that may run again. The job becomes a suspect: it leaves
-- BullMQ's active list and waits for the replica's own worker.
-- KEYS[1] job
-- KEYS[2] suspects
-- KEYS[3] active
-- KEYS[4] lock of the job
-- KEYS[5] fence
-- ARGV[1] id of the job
-- ARGV[2] name of the death
-- ARGV[3] start order: the later the job started, the higher; a suspect has its own
-- ARGV[4] 1 if the death counts as a loss, 0 if ringpost or a shutdown ended the worker
-- ARGV[5] the worker's fence
-- Returns {losses as text, 1 if it ran alone else 0}, {losses, -1} if it has no new loss, and the same if it
-- is called again since its answer was lost; nil if the job is gone or not active, as after a late worker has
-- put it back; -1 if another worker has taken the lease since and nothing was done.
-- USES isSuperseded
local call, id = redis.call, ARGV[1]
if isSuperseded(call('GET', KEYS[5]), ARGV[5]) then
  return -1
end
if call('EXISTS', KEYS[1]) == 0 then
  call('SREM', KEYS[2], id)
  return false
end
local fields = call('HMGET', KEYS[1], 'ringpost:losses', 'ringpost:running', 'ringpost:noted')
local losses, running, noted = unpack(fields)
losses = losses or ''
if call('LREM', KEYS[3], 0, id) == 0 then
  local death, before = string.match(noted or '', '^(%d*) (%-?%d)$')
  local isRepeated = death == ARGV[2] and call('SISMEMBER', KEYS[2], id) == 1
  return isRepeated and { losses, tonumber(before) }
end
local order, alone = string.match(running or '', '^(%d+) (%d)$')
alone = tonumber(alone or 0)
if order == '0' then
  -- It was convicted before, and its end was not reported.
  alone = 1
elseif ARGV[4] == '0' then
  alone = -1
else
  local loss = ARGV[2] .. '.' .. (order or ARGV[3])
  losses = losses ~= '' and losses .. ',' .. loss or loss
  call('HSET', KEYS[1], 'ringpost:losses', losses)
end
call('HDEL', KEYS[1], 'ringpost:running')
call('HSET', KEYS[1], 'ringpost:noted', ARGV[2] .. ' ' .. alone)
call('SADD', KEYS[2], id)
call('DEL', KEYS[4])
return { losses, alone }
