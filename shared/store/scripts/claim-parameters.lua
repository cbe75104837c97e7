-- Sets the ring's parameters if there are none yet.
-- KEYS[1] parameters
-- ARGV[1] parameters as JSON
-- Returns {1, ours} if they were just set, {0, theirs} if there were parameters before.
local stored = redis.call('GET', KEYS[1])
if stored then
  return {0, stored}
end
redis.call('SET', KEYS[1], ARGV[1])
return {1, ARGV[1]}
