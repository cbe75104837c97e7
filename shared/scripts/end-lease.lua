-- Ends the lease of a generation that is certainly dead, or that leaves by itself.
-- KEYS[1] lease
-- ARGV[1] generation
-- Returns 1 if that generation held the lease, else 0.
local lease = redis.call('GET', KEYS[1])
if not lease or cjson.decode(lease).generation ~= tonumber(ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[1])
return 1
