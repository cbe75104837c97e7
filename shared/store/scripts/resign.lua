-- Gives the leadership up, if it is still ours.
-- KEYS[1] leader
-- ARGV[1] our token  ARGV[2] channel
-- Returns 1 if it was given up, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'leader')
return 1
