-- A worker takes or renews the lease of its replica. Whoever takes it supersedes all older generations.
-- KEYS[1] lease  KEYS[2] current generation
-- ARGV[1] the worker's generation  ARGV[2] TTL in ms  ARGV[3] the lease as JSON
-- Returns 1 when the lease is ours, 0 while another generation holds it, -1 when a newer generation has held it
-- and the worker has to go.
local mine = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[2]) or 0) > mine then
  return -1
end
local lease = redis.call('GET', KEYS[1])
if lease and cjson.decode(lease).generation ~= mine then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
redis.call('SET', KEYS[2], mine)
return 1
