-- Puts a job back into its queue that is in no list of it any more. One that was begun goes where a dead worker's jobs are,
-- so that it is run again only where that is safe.
-- KEYS[1] job  KEYS[2] wait  KEYS[3] active  KEYS[4] prioritized  KEYS[5] delayed  KEYS[6] marker
-- ARGV[1] job id
-- Returns 1, or 0 where it is in a list, or is gone.
local call, id = redis.call, ARGV[1]
if call('TYPE', KEYS[1]).ok ~= 'hash' or call('LPOS', KEYS[2], id) or call('LPOS', KEYS[3], id) then
  return 0
end
if call('ZSCORE', KEYS[4], id) or call('ZSCORE', KEYS[5], id) then
  return 0
end
local begun, at, delay = unpack(call('HMGET', KEYS[1], 'processedOn', 'timestamp', 'delay'))
if begun then
  call('LPUSH', KEYS[3], id)
elseif (tonumber(delay) or 0) > 0 and tonumber(at) then
  -- As BullMQ writes it: the time in ms, and below it a counter of 12 bits.
  call('ZADD', KEYS[5], string.format('%.0f', (tonumber(at) + tonumber(delay)) * 4096), id)
else
  call('LPUSH', KEYS[2], id)
end
call('ZADD', KEYS[6], '0', '0')
return 1
