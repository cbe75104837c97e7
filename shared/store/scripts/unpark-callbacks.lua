-- Puts parked callbacks of a receiver back to the head of the queue.
-- KEYS[1] sorted set of parked callbacks
-- KEYS[2] delayed
-- KEYS[3] wait
-- KEYS[4] marker
-- ARGV[1] how many at most
-- Returns {how many were put back, how many are left in the set}.
-- USES delayedTime
local call, max, moved = redis.call, tonumber(ARGV[1]), 0
for _ = 1, max + 100 do
  local id, due = unpack(moved < max and call('ZPOPMIN', KEYS[1]) or {})
  if not id then
    break
  end
  local score = call('ZSCORE', KEYS[2], id)
  -- If the job was taken meanwhile and waits for its next attempt, it has another time.
  if score and delayedTime(score) == tonumber(due) then
    call('ZREM', KEYS[2], id)
    call('RPUSH', KEYS[3], id)
    moved = moved + 1
  end
end
if moved > 0 then
  call('ZADD', KEYS[4], '0', '0')
end
return { moved, call('ZCARD', KEYS[1]) }
