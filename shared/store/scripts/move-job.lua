-- Moves a job that waits for another attempt to the queue of another replica, in one step. All that BullMQ
-- and ringpost know of the job goes with it. No worker has it, so this needs no fence.
-- KEYS[1] wait
-- KEYS[2] prioritized
-- KEYS[3] delayed
-- KEYS[4] job
-- KEYS[5] body
-- KEYS[6] job in the other queue
-- KEYS[7] body there
-- KEYS[8] delayed there
-- KEYS[9] marker there
-- KEYS[10] consumer there
-- KEYS[11] lease there
-- KEYS[12] record
-- KEYS[13] the replica of a job that was moved
-- ARGV[1] job id
-- ARGV[2] the other replica; '' if the id names it
-- ARGV[3] 1 if the request has a record
-- ARGV[4] TTL of KEYS[13] in ms
-- ARGV[5] channel of the request's changes
-- ARGV[6] the owner of the hash key; '' if that is the other replica
-- ARGV[7] event for the request's timeline, without its time
-- Returns 1 if the job is in the other queue now; 0 if it stays: a worker has it or died while it had it, its
-- request is not to be run, or the worker there does not find records by the ids of requests.
-- USES parseSleepNote, wakeSleeper, publishChange, nowMs, addEvent, delayedScore, delayedTime, findsRecords
local call, id = redis.call, ARGV[1]
if call('EXISTS', KEYS[6]) == 1 then
  return 1
elseif call('EXISTS', KEYS[4]) == 0 or call('HEXISTS', KEYS[4], 'ringpost:losses') == 1 then
  return 0
end
local recorded, consumer, count = ARGV[3] == '1', call('GET', KEYS[10])
if recorded then
  local state, stream, events = unpack(call('HMGET', KEYS[12], 'state', 'stream', 'events'))
  if state ~= 'queued' or stream or not findsRecords(call('GET', KEYS[11]), consumer) then
    return 0
  end
  count = events
end
-- A garbled key fails here, before anything is changed.
local score = call('ZSCORE', KEYS[3], id)
local _ = call('ZCARD', KEYS[8]) + call('ZCARD', KEYS[9])
local removed = score and call('ZREM', KEYS[3], id) or call('LREM', KEYS[1], 1, id)
if removed == 0 and call('ZREM', KEYS[2], id) == 0 then
  return 0
end
call('RENAME', KEYS[4], KEYS[6])
if call('EXISTS', KEYS[5]) == 1 then
  call('RENAME', KEYS[5], KEYS[7])
end
call('ZADD', KEYS[8], score or delayedScore(nowMs()), id)
call('ZADD', KEYS[9], delayedTime(call('ZRANGE', KEYS[8], 0, 0, 'WITHSCORES')[2]), '1')
wakeSleeper(KEYS[10], consumer)
if recorded then
  call('HDEL', KEYS[12], 'queue', 'spilledFrom')
  local fields = ARGV[2] == '' and {} or { 'queue', ARGV[2] }
  if ARGV[6] ~= '' then
    table.insert(fields, 'spilledFrom')
    table.insert(fields, ARGV[6])
  end
  call('HSET', KEYS[12], unpack(addEvent(fields, count, ARGV[7])))
  publishChange(KEYS[12], ARGV[5], 'queued')
elseif ARGV[2] == '' then
  call('DEL', KEYS[13])
else
  call('SET', KEYS[13], ARGV[2], 'PX', ARGV[4])
end
return 1
