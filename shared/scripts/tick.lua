-- One tick of the batched consumer: sends replies, finishes jobs and takes new ones, by BullMQ's own scripts.
-- KEYS[1..14] as BullMQ's moveToFinished has them; KEYS[12] is not used  KEYS[15] fence
-- ARGV[1] the worker's fence  ARGV[2] prefix of the queue's keys  ARGV[3] ms since the epoch  ARGV[4] token of the locks
-- ARGV[5] TTL of the locks in ms  ARGV[6] jobs to take at most  ARGV[7] TTL of the inboxes in ms
-- ARGV[8] number of inboxes, for each: key, number of frames, frames; then the ids of the jobs to finish
-- Returns {-1} where another worker has taken the lease, which does nothing; else {when the next delayed job is due in
-- ms since the epoch or 0, codes of moveToFinished, jobs as {id, data, times taken}}.
-- INCLUDE
if tonumber(redis.call('GET', KEYS[15]) or 0) > tonumber(ARGV[1]) then
  return { -1 }
end
local prefix, now, at = ARGV[2], ARGV[3], 9
for _ = 1, tonumber(ARGV[8]) do
  local last = at + 1 + tonumber(ARGV[at + 1])
  redis.call('RPUSH', ARGV[at], unpack(ARGV, at + 2, last))
  redis.call('PEXPIRE', ARGV[at], ARGV[7])
  at = last + 1
end
local finish = cmsgpack.pack({ token = ARGV[4], keepJobs = { count = 0 }, attempts = 0, maxMetricsSize = '' })
local codes = {}
for each = at, #ARGV do
  KEYS[12] = prefix .. ARGV[each]
  codes[#codes + 1] = moveToFinished(KEYS, { ARGV[each], now, 'returnvalue', 'null', 'completed', '0', prefix, finish })
end
local take = cmsgpack.pack({ token = ARGV[4], lockDuration = ARGV[5] })
local keys = { unpack(KEYS, 1, 10) }
keys[11] = KEYS[14]
local jobs, due = {}, 0
for _ = 1, tonumber(ARGV[6]) do
  local taken = moveToActive(keys, { prefix, now, take })
  if type(taken[1]) ~= 'table' then
    due = taken[4]
    -- Who adds a job marks the queue anew; an old mark would only wake a worker for nothing.
    if redis.call('LLEN', KEYS[1]) + redis.call('ZCARD', KEYS[3]) == 0 then
      redis.call('ZREM', KEYS[14], '0')
    end
    break
  end
  jobs[#jobs + 1] = { taken[2], unpack(redis.call('HMGET', prefix .. taken[2], 'data', 'ats')) }
end
return { due, codes, jobs }
