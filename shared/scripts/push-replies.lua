-- Puts replies into a gateway's inbox, which expires when the gateway is gone.
-- KEYS[1] inbox
-- ARGV[1] TTL in ms  ARGV[2..] reply frames
-- Returns nothing of use.
redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
