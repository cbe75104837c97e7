-- Reads the deadline of a job, without the rest of the job.
-- KEYS[1] job
-- Returns the deadline in ms since the epoch, 0 if the job has none, nil if there is no such job.
local data = redis.call('HGET', KEYS[1], 'data')
if not data then
  return false
end
-- Within a string of JSON the quotes would have backslashes before them.
return tonumber(string.match(data, '"deadline":(%d+)')) or 0
