-- Keeps a request's record and reply until its delayed callback is sent. A callback that was sent once needs
-- them no longer, and it may have been sent before this call arrives.
-- KEYS[1] record
-- KEYS[2] kept reply
-- ARGV[1] time in ms for which they are kept at least
-- ARGV[2] key of the request's kept streams, up to their fences
-- Returns 1; 0 if they are kept for that long anyway, are gone, or are not needed.
-- USES nowMs, holdForCallback, answerOf
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left >= tonumber(ARGV[1]) or redis.call('HGET', KEYS[1], 'callback') ~= 'pending' then
  return 0
end
holdForCallback(KEYS[1], answerOf(KEYS[1], KEYS[2], ARGV[2]), left, ARGV[1])
return 1
