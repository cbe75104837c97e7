-- Sends the heads of streams, and moves their requests from the list of active jobs to the set of streams, so
-- that they hold no slot any more. A head that is sent again is pushed again: its gateway drops it.
-- KEYS[1] active
-- KEYS[2] streams
-- KEYS[3] fence
-- KEYS[4] inbox
-- ARGV[1] the worker's fence
-- ARGV[2] TTL of the inbox in ms
-- ARGV[3..] id and head of each stream
-- Returns 1, or -1 if another worker has taken the lease since and nothing was done.
-- USES isSuperseded
local call = redis.call
if isSuperseded(call('GET', KEYS[3]), ARGV[1]) then
  return -1
end
for at = 3, #ARGV, 2 do
  local id = ARGV[at]
  -- The set comes first: if a step fails at a garbled key, the job is in one of the two. A job that is not
  -- active is gone, and its id would stay in the set.
  if call('SADD', KEYS[2], id) == 1 and call('LREM', KEYS[1], '-1', id) == 0 then
    call('SREM', KEYS[2], id)
  end
  call('RPUSH', KEYS[4], ARGV[at + 1])
end
call('PEXPIRE', KEYS[4], ARGV[2])
return 1
