-- Moves one member of a set, or one field of a hash, to a hash of its own, if it is still as it was seen.
-- KEYS[1] key
-- KEYS[2] the hash
-- ARGV[1] member or field
-- ARGV[2] TTL in ms
-- ARGV[3] 'set' for a member; for a field 'remove', 'replace', or 'keep' if the caller is about to write it
--   again
-- ARGV[4] the value of the field that was seen
-- ARGV[5] the value that the field is to have instead
-- Returns 1, or 0 if the member or field has changed.
local how = ARGV[3]
if how == 'set' then
  if redis.call('SREM', KEYS[1], ARGV[1]) == 0 then
    return 0
  end
elseif redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[4] then
  return 0
elseif how == 'remove' then
  redis.call('HDEL', KEYS[1], ARGV[1])
elseif how == 'replace' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[5])
end
redis.call('HSET', KEYS[2], 'key', KEYS[1], 'member', ARGV[1], 'value', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
