-- Moves a key with garbled data to another name, if it is still as it was seen.
-- KEYS[1] key
-- KEYS[2] the new name
-- ARGV[1] the type that was seen
-- ARGV[2] SHA-1 of the string that was seen, or ''
-- ARGV[3] TTL in ms
-- ARGV[4] the string that the key is to have instead, or ''
-- Returns 1, or 0 if the key has changed.
if redis.call('TYPE', KEYS[1]).ok ~= ARGV[1] then
  return 0
end
if ARGV[2] ~= '' and redis.sha1hex(redis.call('GET', KEYS[1])) ~= ARGV[2] then
  return 0
end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('SET', KEYS[1], ARGV[4])
end
return 1
