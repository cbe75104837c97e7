-- Ends streams: pushes their last frames and finishes their jobs, as BullMQ's moveToFinished does with a
-- completed job that is not kept. Frames that are sent again are pushed again: their gateway drops them.
-- KEYS[1] streams
-- KEYS[2] active
-- KEYS[3] fence
-- KEYS[4] inbox
-- KEYS[5] events
-- KEYS[6] readers of events
-- ARGV[1] the worker's fence
-- ARGV[2] prefix of the queue's keys
-- ARGV[3] TTL of the inbox in ms
-- ARGV[4..] id of each stream and its last frame, which is '' if no gateway gets one
-- Returns 1, or -1 if another worker has taken the lease since and nothing was done.
-- USES isSuperseded
local call, prefix, ended, pushed = redis.call, ARGV[2], {}, false
local fence, readers = unpack(call('MGET', KEYS[3], KEYS[6]))
if isSuperseded(fence, ARGV[1]) then
  return -1
end
local parts = { '', ':lock', ':logs' }
for at = 4, #ARGV, 2 do
  local id, frame, keys = ARGV[at], ARGV[at + 1], {}
  if frame ~= '' then
    call('RPUSH', KEYS[4], frame)
    pushed = true
  end
  -- The job of a stream is active again if the set was garbled and moved aside.
  if call('SREM', KEYS[1], id) == 1 or call('LREM', KEYS[2], '-1', id) > 0 then
    ended[#ended + 1] = id
  end
  for n, part in ipairs(parts) do
    keys[n] = prefix .. id .. part
  end
  call('UNLINK', unpack(keys))
end
if pushed then
  call('PEXPIRE', KEYS[4], ARGV[3])
end
if readers then
  -- Only present readers need events, so replicas get them and the append-only file does not (ADR 0021).
  redis.set_repl(redis.REPL_REPLICA)
  for _, id in ipairs(ended) do
    call('XADD', KEYS[5], '*', 'event', 'completed', 'jobId', id, 'returnvalue', 'null', 'prev', 'active')
  end
  redis.set_repl(redis.REPL_ALL)
end
return 1
