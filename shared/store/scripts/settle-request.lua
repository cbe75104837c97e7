-- Ends a request whose answer can be asked for later: keeps the answer, and notes the end. A worker that was
-- superseded says nothing any more.
-- KEYS[1] record  KEYS[2] kept reply  KEYS[3] fence  KEYS[4] draft of a large reply frame
-- ARGV[1] the worker's fence  ARGV[2] TTL of the reply in ms  ARGV[3] TTL of the record in ms
-- ARGV[4] channel  ARGV[5] reply frame; empty if it is in the draft  ARGV[6] state  ARGV[7..] fields and values
-- Returns 1; 0 where the request has come to its end before; -1 when another worker has taken the lease;
-- -2 if the draft is lost, and nothing was done. A draft that is not kept is deleted.
if tonumber(redis.call('GET', KEYS[3]) or 0) > tonumber(ARGV[1]) then
  redis.call('UNLINK', KEYS[4])
  return -1
end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'done' or state == 'failed' or state == 'cancelled' or state == 'expired' then
  redis.call('UNLINK', KEYS[4])
  return 0
end
if ARGV[5] ~= '' then
  redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[2])
elseif redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
else
  return -2
end
redis.call('HSET', KEYS[1], 'state', ARGV[6], unpack(ARGV, 7))
redis.call('HINCRBY', KEYS[1], 'change', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
-- The callback tells what both say, and may have to wait. They are kept for ten minutes, or until the first attempt.
local holdMs = 600000
if redis.call('HGET', KEYS[1], 'callback') == 'pending' and tonumber(ARGV[3]) < holdMs then
  local time = redis.call('TIME')
  local expires = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], 'expires', string.format('%.0f', expires))
  redis.call('PEXPIRE', KEYS[1], holdMs)
  redis.call('PEXPIRE', KEYS[2], holdMs)
end
redis.call('PUBLISH', ARGV[4], ARGV[6])
return 1
