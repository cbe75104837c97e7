-- Keeps a request's record and reply until the first attempt of its delayed callback. That attempt may have
-- been made before this call arrives.
-- KEYS[1] record
-- KEYS[2] kept reply
-- ARGV[1] time in ms for which they are kept at least
-- ARGV[2] key of the request's kept streams, up to their fences
-- Returns 1; 0 if they are kept for that long anyway, are gone, or the attempt was made.
-- USES nowMs, answerOf, holdForCallback
local answer, left = answerOf(KEYS[1], KEYS[2], ARGV[2]), redis.call('PTTL', KEYS[1])
local isHeld = holdForCallback(KEYS[1], answer, left, ARGV[1])
return isHeld and 1 or 0
