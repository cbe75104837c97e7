-- Sets the remaining life of an idempotency key whose request ended early; 0 releases the key.
-- KEYS[1] claim
-- ARGV[1] the claim as JSON
-- ARGV[2] TTL in ms
-- Returns 1; 0 if the key has another claim, or none.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
