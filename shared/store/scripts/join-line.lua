-- Puts a request at the end of a line, unless it is in the line already.
-- KEYS[1] line
-- KEYS[2] moves of the line
-- ARGV[1] request id
-- ARGV[2] TTL of the line in ms; it is only ever raised
-- ARGV[3] the replica whose queue has the job of the request, if its id names another one; else ''
-- Returns nothing.
-- USES joinLine
joinLine(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])
