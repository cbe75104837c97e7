-- The leading controller offers queues for adoption, or withdraws offers.
-- KEYS[1] offered
-- KEYS[2] leader
-- ARGV[1] the leader's token
-- ARGV[2] how many queues are offered
-- ARGV[3..] their names, then the names of the withdrawn ones
-- Returns 1, or -2 if another controller leads now and nothing was changed.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -2
end
local withdrawn = 3 + tonumber(ARGV[2])
for at = 3, withdrawn - 1 do
  redis.call('SADD', KEYS[1], ARGV[at])
end
for at = withdrawn, #ARGV do
  redis.call('SREM', KEYS[1], ARGV[at])
end
return 1
