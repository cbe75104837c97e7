-- Parks callbacks whose receivers have no free slot: those that the caller has delayed itself, and those
-- among the next jobs of the queue, in their order.
-- KEYS[1] wait
-- KEYS[2] delayed
-- KEYS[3..18] sorted set of parked callbacks for each of 16 receivers; the same one may come twice
-- ARGV[1] prefix of the jobs' keys
-- ARGV[2] first time at which a parked callback is due, in ms since the epoch
-- ARGV[3] time in ms over which the others are spread
-- ARGV[4] TTL of the sorted sets in ms
-- ARGV[5] how many jobs of the queue are looked at
-- ARGV[6..21] names of the receivers
-- ARGV[22..] name of the receiver and id of each job that the caller has delayed itself
-- Returns the ids of the jobs that were parked from the queue.
-- USES delayedScore, delayedTime
local call, looked, sets = redis.call, tonumber(ARGV[5]), {}
for at = 1, 16 do
  sets[ARGV[5 + at]] = KEYS[2 + at]
end
local function note(name, id, due)
  call('ZADD', sets[name], due, id)
  call('PEXPIRE', sets[name], ARGV[4])
end
for at = 22, #ARGV, 2 do
  -- A job without a score was taken meanwhile.
  local score = call('ZSCORE', KEYS[2], ARGV[at + 1])
  local job = ARGV[1] .. ARGV[at + 1]
  if score and call('EXISTS', job) == 1 then
    call('HSET', job, 'name', ARGV[at])
    note(ARGV[at], ARGV[at + 1], delayedTime(score))
  end
end
local ids, kept, moved = call('LRANGE', KEYS[1], -looked, -1), {}, {}
for at = #ids, 1, -1 do
  -- The gateway handles a job that cannot be read.
  local name = redis.pcall('HGET', ARGV[1] .. ids[at], 'name')
  if type(name) == 'string' and sets[name] then
    local due = tonumber(ARGV[2]) + math.floor(ARGV[3] * #moved / looked)
    call('ZADD', KEYS[2], delayedScore(due), ids[at])
    note(name, ids[at], due)
    table.insert(moved, ids[at])
  else
    table.insert(kept, 1, ids[at])
  end
end
if #moved > 0 then
  call('LTRIM', KEYS[1], 0, -(#ids + 1))
  for _, id in ipairs(kept) do
    call('RPUSH', KEYS[1], id)
  end
end
return moved
