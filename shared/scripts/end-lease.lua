-- Ends the lease of a worker that is certainly dead, or that leaves by itself.
-- KEYS[1] lease
-- ARGV[1] generation, 0 for an adopter  ARGV[2] adopter, or ''
-- Returns 1 if that worker held the lease, else 0.
local held = redis.call('GET', KEYS[1])
if not held then
  return 0
end
local lease = cjson.decode(held)
if lease.generation ~= tonumber(ARGV[1]) or (lease.adopter or '') ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[1])
return 1
