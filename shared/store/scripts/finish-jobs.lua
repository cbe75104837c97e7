-- Finishes completed jobs that are not kept, all at once, in the steps that BullMQ's moveToFinished makes for
-- each. If one of them is unusual (gone, locked by another, seen as stalled), moveToFinished does it. Jobs of
-- ringpost have no children. Another tool may have added logs, which are deleted too.
-- KEYS[1..14] the keys of BullMQ's moveToFinished, in its order; KEYS[12] is not used
-- ARGV[1] prefix of the queue's keys
-- ARGV[2] now, in ms since the epoch
-- ARGV[3] token of the locks
-- ARGV[4] whether somebody reads the queue's events
-- ARGV[5..] ids of the jobs
-- Returns what moveToFinished says of each job: 0, or a negative code if the job was not finished.
local call, prefix, readers, codes, ids = redis.call, ARGV[1], ARGV[4], {}, { unpack(ARGV, 5) }
local keys, locks = { KEYS[5] }, {}
for at, id in ipairs(ids) do
  keys[at + 1] = prefix .. id
  locks[at] = keys[at + 1] .. ':lock'
end
local usual = call('EXISTS', unpack(keys)) == #ids
for _, token in ipairs(usual and call('MGET', unpack(locks)) or {}) do
  usual = usual and token == ARGV[3]
end
if not usual then
  local keep = { count = 0 }
  local options = cmsgpack.pack({ token = ARGV[3], keepJobs = keep, attempts = 0, maxMetricsSize = '' })
  for at, id in ipairs(ids) do
    KEYS[12] = prefix .. id
    local argv = { id, ARGV[2], 'returnvalue', 'null', 'completed', '0', prefix, options }
    codes[at] = moveToFinished(KEYS, argv)
  end
  return codes
end
for at, id in ipairs(ids) do
  codes[at] = call('LREM', KEYS[2], '-1', id) == 1 and 0 or -3
  if codes[at] == 0 then
    locks[#locks + 1], locks[#locks + 2] = keys[at + 1], keys[at + 1] .. ':logs'
  end
end
call('DEL', unpack(locks))
if readers then
  -- Only present readers need events, so replicas get them and the append-only file does not (ADR 0021).
  redis.set_repl(redis.REPL_REPLICA)
  for at, id in ipairs(ids) do
    if codes[at] == 0 then
      call('XADD', KEYS[4], '*', 'event', 'completed', 'jobId', id, 'returnvalue', 'null', 'prev', 'active')
    end
  end
  redis.set_repl(redis.REPL_ALL)
end
return codes
