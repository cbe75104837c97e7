-- Releases an idempotency key whose request was not taken.
-- KEYS[1] claim
-- ARGV[1] the claim as JSON
-- Returns 1; 0 if the key has another claim, or none.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
