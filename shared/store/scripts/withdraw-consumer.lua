-- Takes a consumer's word back, so that nothing more is delivered directly to it. What was delivered stays.
-- KEYS[1] consumer
-- ARGV[1] the fence of the lease by which that consumer serves the queue
-- Returns 1 if there was such a word, else 0; the word of another fence stays.
local consumer = redis.call('GET', KEYS[1])
if consumer and string.match(consumer, '^%d+') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
