-- Notes a state or fields of a request in its record, and tells those who watch it, as note-request.lua does,
-- but for a worker: one that has lost its lease notes nothing.
-- KEYS[1] record
-- KEYS[2] fence
-- ARGV[1] the worker's fence
-- ARGV[2] state, or '' to leave it
-- ARGV[3] TTL in ms
-- ARGV[4] channel of the request's changes
-- ARGV[5] event for the request's timeline, without its time, or ''
-- ARGV[6..] fields and values
-- Returns 1; 0 if the request had ended, or has no record and no state was given; -1 if it is to be cancelled
-- and nothing was noted; -2 if another worker has taken the lease and nothing was noted.
-- USES isSuperseded, isFinal, publishChange, nowMs, addEvent, holdForCallback, noteInRecord
if isSuperseded(redis.call('GET', KEYS[2]), ARGV[1]) then
  return -2
end
return noteInRecord(KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], { unpack(ARGV, 6) })
