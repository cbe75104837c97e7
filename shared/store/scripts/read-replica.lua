-- Reads how many jobs and streams a replica's queue holds, since when the oldest of its jobs waits, and its
-- lease's TTL.
-- KEYS[1] wait
-- KEYS[2] active
-- KEYS[3] prioritized
-- KEYS[4] delayed
-- KEYS[5] paused
-- KEYS[6] lease
-- KEYS[7] streams
-- ARGV[1] prefix of the queue's keys
-- Returns {waiting, active, prioritized, delayed, time since which the oldest waits in ms since the epoch or
-- false, TTL of the lease in ms or a negative number, streams}.
local call = redis.call
local oldest = false
-- The oldest of a list is its last. Of those with a priority, it is among the next one and the last one.
local candidates = {
  call('LINDEX', KEYS[1], -1),
  call('LINDEX', KEYS[5], -1),
  call('ZRANGE', KEYS[3], 0, 0)[1],
  call('ZRANGE', KEYS[3], -1, -1)[1],
}
for at = 1, 4 do
  if candidates[at] then
    local accepted, options = unpack(call('HMGET', ARGV[1] .. candidates[at], 'timestamp', 'opts'))
    -- A job with a delay waits only since it was due.
    local since = tonumber(accepted) and accepted + (string.match(options or '', '"delay":(%d+)') or 0)
    if since and (not oldest or since < oldest) then
      oldest = since
    end
  end
end
return {
  call('LLEN', KEYS[1]) + call('LLEN', KEYS[5]),
  call('LLEN', KEYS[2]),
  call('ZCARD', KEYS[3]),
  call('ZCARD', KEYS[4]),
  oldest,
  call('PTTL', KEYS[6]),
  call('SCARD', KEYS[7]),
}
