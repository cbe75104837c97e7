-- Asks whether a request may run: fewer requests than its limit are before it in the line. It joins the line
-- if it is not in it. One that may run goes before all that wait, so their places count those that run.
-- KEYS[1] line
-- KEYS[2] moves of the line
-- ARGV[1] request id
-- ARGV[2] TTL of the line in ms; it is only ever raised
-- ARGV[3] the replica whose queue has the job of the request, if its id names another one; else ''
-- ARGV[4] limit
-- ARGV[5] a random number, which decides which of those before it are shown
-- Returns {0} if it may run; else {how many places it has to move up, 1 if it has just joined, how many run},
-- followed for up to eight of those that hold it up by id, replica as in the moves or '', and ms in the line.
-- USES joinLine, runningShift
local call, line, id, limit = redis.call, KEYS[1], ARGV[1], tonumber(ARGV[4])
local isNew = joinLine(line, KEYS[2], id, ARGV[2], ARGV[3])
local rank, score = call('ZRANK', line, id), tonumber(call('ZSCORE', line, id))
if score < 0 then
  return { 0 }
end
if rank < limit then
  call('ZADD', line, string.format('%.0f', score - runningShift()), id)
  return { 0 }
end
local answer = { rank - limit + 1, isNew and 1 or 0, call('ZCOUNT', line, '-inf', '(0') }
local from = tonumber(ARGV[5]) % math.max(1, limit - 7)
local shown = call('ZRANGE', line, from, math.min(from + 7, limit - 1), 'WITHSCORES')
local time = call('TIME')
for at = 1, #shown, 2 do
  local joined = tonumber(shown[at + 1])
  joined = joined < 0 and joined + runningShift() or joined
  answer[#answer + 1] = shown[at]
  answer[#answer + 1] = call('HGET', KEYS[2], shown[at]) or ''
  answer[#answer + 1] = math.floor((time[1] * 1000000 + time[2] - joined) / 1000)
end
return answer
