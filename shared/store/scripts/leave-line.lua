-- Takes a request out of a line.
-- KEYS[1] line
-- KEYS[2] moves of the line
-- ARGV[1] request id
-- ARGV[2..] limits that requests of the line have
-- Returns the requests that move up to the last place within one of these limits and do not run yet, as
-- alternating id and replica; the replica is '' if its id names it.
local call, line, called = redis.call, KEYS[1], {}
local rank = call('ZRANK', line, ARGV[1])
if not rank then
  return called
end
call('ZREM', line, ARGV[1])
call('HDEL', KEYS[2], ARGV[1])
for at = 2, #ARGV do
  local last = tonumber(ARGV[at]) - 1
  local id, score = unpack(call('ZRANGE', line, last, last, 'WITHSCORES'))
  if rank <= last and id and tonumber(score) >= 0 then
    called[#called + 1] = id
    called[#called + 1] = call('HGET', KEYS[2], id) or ''
  end
end
return called
