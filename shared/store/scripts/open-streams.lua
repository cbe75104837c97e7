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
-- USES isSuperseded, moveToStreams
local call = redis.call
if isSuperseded(call('GET', KEYS[3]), ARGV[1]) then
  return -1
end
for at = 3, #ARGV, 2 do
  moveToStreams(KEYS[1], KEYS[2], ARGV[at])
  call('RPUSH', KEYS[4], ARGV[at + 1])
end
call('PEXPIRE', KEYS[4], ARGV[2])
return 1
