-- A worker died while it was running a job that may run again: the job has one more loss and is a suspect from now on.
-- A suspect that waited for its turn when the worker died has no new loss.
-- KEYS[1] job
-- KEYS[2] suspects
-- KEYS[3] lock of the job
-- ARGV[1] id of the job
-- ARGV[2] name of the death
-- ARGV[3] the higher, the later the job was begun; for a suspect its own note says it
-- ARGV[4] 1 if the death counts as a loss, 0 if ringpost or a shutdown ended the worker
-- Returns {losses as text, 1 if it was running alone else 0}; nil if the job is gone; {losses, -1} if it was not running.
local call, id = redis.call, ARGV[1]
if call('EXISTS', KEYS[1]) == 0 then
  call('SREM', KEYS[2], id)
  return false
end
local losses, begun = unpack(call('HMGET', KEYS[1], 'ringpost:losses', 'ringpost:running'))
local waited = call('SISMEMBER', KEYS[2], id) == 1 and not begun
call('HDEL', KEYS[1], 'ringpost:running')
if waited or ARGV[4] == '0' then
  return { losses or '', -1 }
end
local order, alone = string.match(begun or '', '^(%d+) (%d)$')
local loss = ARGV[2] .. '.' .. (order or ARGV[3])
losses = losses and losses ~= '' and losses .. ',' .. loss or loss
call('HSET', KEYS[1], 'ringpost:losses', losses)
call('SADD', KEYS[2], id)
call('DEL', KEYS[3])
return { losses, tonumber(alone or 0) }
