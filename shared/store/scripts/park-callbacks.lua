-- Puts off callbacks whose receivers have no free slot: those that the caller has put off itself are noted, and those
-- among the next ones in the queue are put off, in their order.
-- KEYS[1] wait  KEYS[2] delayed  KEYS[3..18] sorted set of what is put off, for each of 16 receivers; one may come twice
-- ARGV[1] prefix of jobs' keys  ARGV[2] first time in ms  ARGV[3] time in ms over which they are spread
-- ARGV[4] TTL of the sets in ms  ARGV[5] jobs that are looked at  ARGV[6..21] names of the receivers
-- ARGV[22..] for each job that the caller has put off: name of its receiver, id
-- Returns the ids of those that were put off in the queue.
local call, looked, sets = redis.call, tonumber(ARGV[5]), {}
for at = 1, 16 do
  sets[ARGV[5 + at]] = KEYS[2 + at]
end
local function note(name, id, due)
  call('ZADD', sets[name], due, id)
  call('PEXPIRE', sets[name], ARGV[4])
end
for at = 22, #ARGV, 2 do
  -- If it has no score, it was taken meanwhile.
  local score = call('ZSCORE', KEYS[2], ARGV[at + 1])
  local job = ARGV[1] .. ARGV[at + 1]
  if score and call('EXISTS', job) == 1 then
    call('HSET', job, 'name', ARGV[at])
    note(ARGV[at], ARGV[at + 1], math.floor(tonumber(score) / 4096))
  end
end
local ids, kept, moved = call('LRANGE', KEYS[1], -looked, -1), {}, {}
for at = #ids, 1, -1 do
  -- A job that cannot be read is left to its gateway.
  local name = redis.pcall('HGET', ARGV[1] .. ids[at], 'name')
  if type(name) == 'string' and sets[name] then
    local due = tonumber(ARGV[2]) + math.floor(ARGV[3] * #moved / looked)
    -- As BullMQ writes it: the time in ms, and below it a counter of 12 bits.
    call('ZADD', KEYS[2], string.format('%.0f', due * 4096), ids[at])
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
