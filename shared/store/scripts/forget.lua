-- Deletes what is left of a retired replica's queue, if it is empty. Its generations stay for a while: a
-- worker that was thought dead must still find that it was superseded.
-- KEYS[1] wait
-- KEYS[2] active
-- KEYS[3] prioritized
-- KEYS[4] delayed
-- KEYS[5] last generation
-- KEYS[6] current generation
-- KEYS[7] fence
-- KEYS[8] suspects
-- KEYS[9] streams
-- KEYS[10..14] the rest of the queue's keys, which are deleted as the suspects are
-- ARGV[1] TTL of the generations and the fence in ms
-- Returns 1 if the queue was empty and is gone, else 0.
if redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2]) > 0 then
  return 0
end
if redis.call('SCARD', KEYS[8]) + redis.call('SCARD', KEYS[9]) > 0 then
  return 0
end
if redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[4]) > 0 then
  return 0
end
for at = 8, #KEYS do
  redis.call('UNLINK', KEYS[at])
end
for at = 5, 7 do
  redis.call('PEXPIRE', KEYS[at], ARGV[1])
end
return 1
