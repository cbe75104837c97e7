-- Gives the leadership up if this controller still has it.
-- KEYS[1] leader
-- ARGV[1] this controller's token
-- ARGV[2] channel of changes
-- Returns 1 if it was given up, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'leader')
return 1
