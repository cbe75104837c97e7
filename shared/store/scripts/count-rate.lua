-- Counts requests of one hash key by the generic cell rate algorithm (ITU-T I.371), under one limit or two.
-- Each limit has the theoretical arrival time: when the next request would come if all of them kept their
-- distance. It is ahead of now by the window at most; if it is further ahead, the clock was set back.
-- KEYS[1..2] the theoretical arrival time of each limit, in microseconds since the epoch
-- ARGV[1] how many requests are to be counted, at most
-- ARGV[2] requests per window of the first limit; 0 if there is no such limit
-- ARGV[3] its window in microseconds
-- ARGV[4] requests per window of the second limit, likewise
-- ARGV[5] its window in microseconds
-- Returns {how many were counted; for each limit: how many more requests it allows now, in how many
-- microseconds it allows all of a window, and in how many it allows the next one}.
local call, time = redis.call, redis.call('TIME')
local now, counted, limits = time[1] * 1000000 + time[2], tonumber(ARGV[1]), {}
for at, key in ipairs(KEYS) do
  local requests, window = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
  if requests > 0 then
    local stored = tonumber(call('GET', key) or '')
    local ahead = stored and stored > now and stored - now or 0
    local clamped, interval = math.min(ahead, window), window / requests
    -- Stored times are rounded. So a request counts as due if less than a thousandth of one is missing.
    local free = math.floor((window - clamped) / interval + 0.001)
    counted = math.min(counted, free)
    limits[#limits + 1] = { key, interval, window, clamped, free, clamped < ahead }
  end
end
local answer = { counted }
for _, limit in ipairs(limits) do
  local key, interval, window, ahead, free, wasClamped = unpack(limit)
  ahead = ahead + counted * interval
  if counted > 0 or wasClamped then
    call('SET', key, string.format('%.3f', now + ahead), 'PX', math.ceil(ahead / 1000) + 1)
  end
  answer[#answer + 1] = free - counted
  answer[#answer + 1] = math.ceil(ahead)
  answer[#answer + 1] = math.ceil(math.max(0, ahead + interval - window))
end
return answer
