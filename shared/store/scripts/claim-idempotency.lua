-- Claims an idempotency key for a request if the key is free, or if its claim may be replaced.
-- KEYS[1] claim
-- ARGV[1] the new claim
-- ARGV[2] TTL in ms
-- ARGV[3] a claim that may be replaced, or ''
-- Returns the claim that holds now.
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[3] then
  return held
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
