-- Asks until when a job holds its place in line.
-- KEYS[1] job
-- KEYS[2] streams
-- ARGV[1] job id
-- ARGV[2] field of the job that says that its answer has begun
-- Returns its deadline in ms since the epoch, 0 if it has none; -1 if its answer is a stream that has begun,
-- so that it has no deadline; nil if there is no such job.
local data = redis.call('HGET', KEYS[1], 'data')
if not data then
  return false
end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 or redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then
  return -1
end
-- Within a string of JSON the quotes would have backslashes before them.
return tonumber(string.match(data, '"deadline":(%d+)')) or 0
