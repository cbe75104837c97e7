-- One tick of the batched consumer: sends replies, finishes jobs and takes new ones.
-- KEYS[1..14] the keys of BullMQ's moveToFinished, in its order; KEYS[12] is not used
-- KEYS[15] fence
-- KEYS[16] consumer
-- KEYS[17] noting
-- KEYS[18] readers of events
-- ARGV[1] the worker's fence
-- ARGV[2] prefix of the queue's keys
-- ARGV[3] now, in ms since the epoch
-- ARGV[4] token of the locks
-- ARGV[5] TTL of the locks in ms
-- ARGV[6] how many jobs the consumer holds at most; 0 if it stops taking jobs now, -1 after that, -2 while it
--   is paused
-- ARGV[7] how many jobs to take at most
-- ARGV[8] TTL of the inboxes in ms
-- ARGV[9] for how long after this tick requests that must not run twice may be delivered directly, in ms; 0
--   if the consumer does not note the ids of those that it begins
-- ARGV[10] number of inboxes
-- ARGV[11..] key, number of frames and frames of each inbox; then the ids of the jobs to finish
-- Returns {-1} if another worker has taken the lease, and does nothing then; else {when the next delayed job
-- is due in ms since the epoch, or 0, or nil if there may be more to take; codes of moveToFinished; jobs as
-- alternating id, data and times taken; deliveries that were not read before}.
-- USES isSuperseded, formatRegistration, parseSleepNote, deliveriesKey
-- INCLUDE
local call, prefix, at = redis.call, ARGV[2], 11
local fence, consumer, readers = unpack(call('MGET', KEYS[15], KEYS[16], KEYS[18]))
if isSuperseded(fence, ARGV[1]) then
  return { -1 }
end
for _ = 1, tonumber(ARGV[10]) do
  local last = at + 1 + tonumber(ARGV[at + 1])
  call('RPUSH', ARGV[at], unpack(ARGV, at + 2, last))
  call('PEXPIRE', ARGV[at], ARGV[8])
  at = last + 1
end
local codes, jobs, due, deliveries = {}, {}, 0, deliveriesKey(prefix, ARGV[1])
if at <= #ARGV then
  codes = finishJobs(KEYS, { prefix, ARGV[3], ARGV[4], readers, unpack(ARGV, at) })
end
local unread = call('LPOP', deliveries, '1000') or {}
local held, waiting = call('LLEN', KEYS[2]), call('EXISTS', KEYS[1], KEYS[3], KEYS[7], KEYS[10])
if readers and #codes > 0 and held == 0 and (waiting == 0 or call('EXISTS', KEYS[1], KEYS[3]) == 0) then
  redis.set_repl(redis.REPL_REPLICA)
  call('XADD', KEYS[4], '*', 'event', 'drained')
  redis.set_repl(redis.REPL_ALL)
end
local free = math.min(ARGV[7], ARGV[6] - held)
if free <= 0 then
  due = false
elseif waiting > 0 then
  jobs, due = takeJobs(KEYS, { prefix, ARGV[3], ARGV[4], ARGV[5], free, readers })
end
-- From now on jobs are delivered directly to this consumer, or no longer are. The empty delivery is the end
-- marker. The note that the replica sleeps stays, unless this consumer holds jobs again.
local registration = formatRegistration(ARGV[1], ARGV[6], ARGV[5], ARGV[4])
local asleep = consumer ~= registration and held + #jobs == 0 and parseSleepNote(consumer)
if ARGV[6] == '0' then
  if not asleep then
    call('DEL', KEYS[16])
  end
  call('RPUSH', deliveries, '')
  call('PEXPIRE', deliveries, ARGV[5])
elseif asleep then
  return { due, codes, jobs, unread }
elseif ARGV[6] == '-2' then
  call('DEL', KEYS[16])
elseif ARGV[6] ~= '-1' then
  if consumer ~= registration then
    call('SET', KEYS[16], registration)
  end
  if ARGV[9] ~= '0' then
    call('SET', KEYS[17], ARGV[1], 'PX', ARGV[9])
  end
end
return { due, codes, jobs, unread }
