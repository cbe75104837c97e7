-- Ends the lease of a worker that is certainly dead, or that leaves by itself.
-- KEYS[1] lease
-- KEYS[2] ended
-- ARGV[1] generation, 0 for an adopter
-- ARGV[2] adopter, or ''
-- ARGV[3] TTL in ms of the note that this generation is dead, for a leader that has not seen it; 0 for no
--   note
-- Returns 1 if that worker had the lease, else 0.
local held = redis.call('GET', KEYS[1])
if not held then
  return 0
end
local lease = cjson.decode(held)
if lease.generation ~= tonumber(ARGV[1]) or (lease.adopter or '') ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[1])
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
end
return 1
