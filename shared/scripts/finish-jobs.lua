-- Finishes jobs that are completed and not kept, all at once, in the steps that BullMQ's moveToFinished makes for each.
-- Where one of them is unusual (it is locked by another, has children or a parent, is deduplicated) that does it.
-- KEYS[1..14] as BullMQ's moveToFinished has them; KEYS[12] is not used
-- ARGV[1] prefix of the queue's keys  ARGV[2] ms since the epoch  ARGV[3] token of the locks  ARGV[4..] ids of the jobs
-- Returns what moveToFinished says of each job: 0, or below it where it was not finished.
local call, prefix, codes, ids = redis.call, ARGV[1], {}, { unpack(ARGV, 4) }
if #ids == 0 then
  return codes
end
local locks, related = {}, {}
for at, id in ipairs(ids) do
  locks[at] = prefix .. id .. ':lock'
  related[2 * at - 1], related[2 * at] = prefix .. id .. ':dependencies', prefix .. id .. ':unsuccessful'
end
local usual = call('EXISTS', unpack(related)) == 0
for _, token in ipairs(usual and call('MGET', unpack(locks)) or {}) do
  usual = usual and token == ARGV[3]
end
for _, id in ipairs(usual and ids or {}) do
  local name, parent, deduplicated = unpack(call('HMGET', prefix .. id, 'name', 'parentKey', 'deid'))
  usual = usual and name and not parent and not deduplicated
end
if not usual then
  local options = cmsgpack.pack({ token = ARGV[3], keepJobs = { count = 0 }, attempts = 0, maxMetricsSize = '' })
  for at, id in ipairs(ids) do
    KEYS[12] = prefix .. id
    codes[at] = moveToFinished(KEYS, { id, ARGV[2], 'returnvalue', 'null', 'completed', '0', prefix, options })
  end
  return codes
end
call('XTRIM', KEYS[4], 'MAXLEN', '~', call('HGET', KEYS[9], 'opts.maxLenEvents') or 10000)
call('SREM', KEYS[5], unpack(ids))
for at, id in ipairs(ids) do
  local job, of = prefix .. id, #locks
  codes[at] = call('LREM', KEYS[2], -1, id) == 1 and 0 or -3
  if codes[at] == 0 then
    locks[of + 1], locks[of + 2], locks[of + 3], locks[of + 4] = job, job .. ':logs', job .. ':processed', job .. ':failed'
    call('XADD', KEYS[4], '*', 'event', 'completed', 'jobId', id, 'returnvalue', 'null', 'prev', 'active')
  end
end
call('DEL', unpack(locks))
if call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) == 0 then
  call('XADD', KEYS[4], '*', 'event', 'drained')
end
return codes
