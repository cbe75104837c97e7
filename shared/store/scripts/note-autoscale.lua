-- The leading controller notes what autoscaling may do and has decided. Without fields it forgets that. A
-- stop by an operator stays.
-- KEYS[1] autoscale
-- KEYS[2] leader
-- ARGV[1] the leader's token
-- ARGV[2..] fields and values
-- Returns 1; 0 if another controller leads: then nothing was changed.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
if #ARGV == 1 then
  redis.call('HDEL', KEYS[1], 'range', 'decision', 'change')
end
for at = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
return 1
