-- Deletes what is left of a retired replica's queue, if it is empty. Its generations stay for a while: a worker
-- that was thought dead must still find itself superseded when it wakes up.
-- KEYS[1] wait  KEYS[2] active  KEYS[3] prioritized  KEYS[4] delayed  KEYS[5] last generation  KEYS[6] current generation
-- KEYS[7..] what is deleted
-- ARGV[1] TTL of the generations in ms
-- Returns 1 if the queue was empty and is gone, else 0.
if redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2]) > 0 then
  return 0
end
if redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[4]) > 0 then
  return 0
end
for at = 7, #KEYS do
  redis.call('UNLINK', KEYS[at])
end
redis.call('PEXPIRE', KEYS[5], ARGV[1])
redis.call('PEXPIRE', KEYS[6], ARGV[1])
return 1
