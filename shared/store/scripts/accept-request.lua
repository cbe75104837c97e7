-- Writes the first note of a request's record, and adds the request to the indexes of its replica. All
-- entries of the indexes have the same score, so they are in the order of their texts. Entries that are too
-- many, and old ones whose records are gone, are removed now and then.
-- KEYS[1] record
-- KEYS[2] index by time: `<time> <uuid> <digest of the hash key, or -> <c if it has a callback, else ->`
-- KEYS[3] index by key: `<digest> <time> <uuid>`
-- KEYS[4] index of callbacks: `<state> <time> <uuid>`
-- ARGV[1] state
-- ARGV[2] TTL of the record in ms
-- ARGV[3] channel of the request's changes
-- ARGV[4] event for the request's timeline, without its time, or ''
-- ARGV[5] entry of the index by time
-- ARGV[6] entry of the index by key, or ''
-- ARGV[7] entry of the index of callbacks, or ''
-- ARGV[8] how many entries the index by time may have
-- ARGV[9..] fields and values
-- Returns 1; 0 if the request had already ended; -1 if it is to be cancelled and nothing was noted.
-- USES isFinal, publishChange, nowMs, addEvent, holdForCallback, noteInRecord, removeFromIndexes
local call = redis.call
local noted = noteInRecord(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], { unpack(ARGV, 9) })
if noted ~= 1 then
  return noted
end
for at = 2, 4 do
  if ARGV[at + 3] ~= '' then
    call('ZADD', KEYS[at], 0, ARGV[at + 3])
  end
end
-- The extra minute spares most requests the PEXPIRE.
if call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then
  call('PEXPIRE', KEYS[2], ARGV[2] + 60000)
  call('PEXPIRE', KEYS[3], ARGV[2] + 60000)
end
if ARGV[7] ~= '' and call('PTTL', KEYS[4]) < tonumber(ARGV[2]) then
  call('PEXPIRE', KEYS[4], ARGV[2] + 60000)
end
-- One request in sixteen, by its random UUID, removes old entries for all of them.
local id, digit = string.match(ARGV[5], '^%d+ ((.)%S+)')
if digit ~= '0' then
  return 1
end
local from, to = string.find(KEYS[1], id, 1, true)
local excess = call('ZCARD', KEYS[2]) - ARGV[8]
for n = 1, 48 do
  local oldest = call('ZRANGE', KEYS[2], 0, 0)[1] or ''
  local record = KEYS[1]:sub(1, from - 1) .. (oldest:match('^%d+ (%S+)') or '') .. KEYS[1]:sub(to + 1)
  if n > excess and (oldest == '' or call('EXISTS', record) == 1) then
    break
  end
  removeFromIndexes(KEYS[2], KEYS[3], KEYS[4], oldest)
end
return 1
