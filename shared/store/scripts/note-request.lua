-- Notes a state or fields of a request in its record, and tells those who watch it.
-- KEYS[1] record
-- ARGV[1] state, or '' to leave it
-- ARGV[2] TTL in ms
-- ARGV[3] channel of the request's changes
-- ARGV[4] event for the request's timeline, without its time, or ''
-- ARGV[5..] fields and values
-- Returns 1; 0 if the request had already ended; -1 if it is to be cancelled and nothing was noted.
-- USES isFinal, publishChange, nowMs, addEvent, holdForCallback, noteInRecord
return noteInRecord(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], { unpack(ARGV, 5) })
