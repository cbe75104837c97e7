-- Puts replies into a gateway's inbox, which expires if the gateway is gone. A worker that was superseded
-- sends nothing: another worker answers for its replica.
-- KEYS[1] inbox
-- KEYS[2] fence
-- ARGV[1] the worker's fence
-- ARGV[2] TTL in ms
-- ARGV[3..] reply frames
-- Returns 1, or -1 if another worker has taken the lease since and nothing was sent.
-- USES isSuperseded
if isSuperseded(redis.call('GET', KEYS[2]), ARGV[1]) then
  return -1
end
redis.call('RPUSH', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
