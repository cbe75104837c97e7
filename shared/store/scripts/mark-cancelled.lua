-- Marks the job of a request without a record as cancelled, so that a worker that reads the job does not run
-- it.
-- KEYS[1] job
-- Returns 1; 0 if the job is gone.
local data = redis.call('HGET', KEYS[1], 'data')
if not data or not string.find(data, '^{"') then
  return 0
end
if not string.find(data, '^{"cancelled":true,') then
  redis.call('HSET', KEYS[1], 'data', '{"cancelled":true,' .. string.sub(data, 2))
end
return 1
