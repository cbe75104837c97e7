-- Keeps a request's record and reply until its delayed callback is sent.
-- KEYS[1] record
-- KEYS[2] kept reply
-- ARGV[1] time in ms for which they are kept at least
-- ARGV[2] key of the request's kept streams, up to their fences
-- Returns 1; 0 if they are kept for that long anyway, or are gone.
-- USES nowMs, holdForCallback, answerOf
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left >= tonumber(ARGV[1]) then
  return 0
end
holdForCallback(KEYS[1], answerOf(KEYS[1], KEYS[2], ARGV[2]), left, ARGV[1])
return 1
