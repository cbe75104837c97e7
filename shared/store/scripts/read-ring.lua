-- Reads one consistent state of the ring.
-- KEYS[1] version
-- KEYS[2] desired
-- KEYS[3] ring
-- KEYS[4] retired
-- KEYS[5] joined
-- KEYS[6] settings
-- KEYS[7] upstream positions
-- KEYS[8] upstreams
-- KEYS[9] drained
-- KEYS[10] restarts
-- KEYS[11] slow starts
-- KEYS[12] ejections
-- Returns {version or -1 if nothing was ever desired, desired, ring, retired, settings of all gateways,
-- upstream positions, drained, restarts, slow starts, ejections (each a flat list of names and values),
-- upstreams or false, last joining number}.
return {
  tonumber(redis.call('GET', KEYS[1]) or -1),
  redis.call('HGETALL', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
  redis.call('HGETALL', KEYS[4]),
  redis.call('HGETALL', KEYS[6]),
  redis.call('HGETALL', KEYS[7]),
  redis.call('HGETALL', KEYS[9]),
  redis.call('HGETALL', KEYS[10]),
  redis.call('HGETALL', KEYS[11]),
  redis.call('HGETALL', KEYS[12]),
  redis.call('GET', KEYS[8]),
  tonumber(redis.call('GET', KEYS[5]) or 0),
}
