-- The leading controller notes what it allows workers that join by themselves, and why some of them stand by.
-- KEYS[1] joining
-- KEYS[2] leader
-- ARGV[1] the leader's token
-- ARGV[2] how many fields are set
-- ARGV[3..] name and value of each of them, then the names of the fields that are deleted
-- Returns 1; 0 if another controller leads: then nothing was changed.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
local deleted = 3 + 2 * tonumber(ARGV[2])
for at = 3, deleted - 1, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
for at = deleted, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[at])
end
return 1
