-- Puts callbacks of a receiver back to the head of the queue that were put off because it had no free slot.
-- KEYS[1] sorted set of what is put off  KEYS[2] delayed  KEYS[3] wait  KEYS[4] marker
-- ARGV[1] how many at most
-- Returns how many, and how many are left in the set.
local call, most, moved = redis.call, tonumber(ARGV[1]), 0
for _ = 1, most + 100 do
  local id, due = unpack(moved < most and call('ZPOPMIN', KEYS[1]) or {})
  if not id then
    break
  end
  local score = call('ZSCORE', KEYS[2], id)
  -- A job that was taken meanwhile, and waits for its next attempt, has another time.
  if score and math.floor(tonumber(score) / 4096) == tonumber(due) then
    call('ZREM', KEYS[2], id)
    call('RPUSH', KEYS[3], id)
    moved = moved + 1
  end
end
if moved > 0 then
  call('ZADD', KEYS[4], '0', '0')
end
return { moved, call('ZCARD', KEYS[1]) }
