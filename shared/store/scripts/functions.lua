-- Functions that several scripts share. A script names the ones that it needs in a line `-- USES name, name`.

-- Whether another worker has taken the lease since `fence` was given. `newest` is what Redis has, or false.
local function isSuperseded(newest, fence)
  return tonumber(newest or 0) > tonumber(fence)
end

-- Reads a consumer's registration for direct delivery. Returns its fence, its job limit, the TTL of its locks
-- in ms and the token of its locks, all as strings; nil if there is no registration or it cannot be read.
local function parseRegistration(registration)
  return string.match(registration or '', '^(%d+) (%d+) (%d+) (.+)$')
end

-- Writes what `parseRegistration` reads.
local function formatRegistration(fence, limit, lockMs, token)
  return table.concat({ fence, limit, lockMs, token }, ' ')
end

-- The key of the jobs that were delivered to the consumer with this fence. `keys.ts` makes the same key.
local function deliveriesKey(prefix, fence)
  return prefix .. 'deliveries:' .. fence
end

-- Writes a delivered job: its id, a newline and its data.
local function formatDelivery(id, data)
  return id .. '\n' .. data
end

-- Returns the id of a delivered job.
local function deliveredId(delivery)
  return string.match(delivery, '^[^\n]*')
end

-- Whether a request in this state has come to its end.
local function isFinal(state)
  return state == 'done' or state == 'failed' or state == 'cancelled' or state == 'expired'
end

-- Counts a change of a record and tells those who watch the request.
local function publishChange(record, channel, message)
  redis.call('HINCRBY', record, 'change', 1)
  redis.call('PUBLISH', channel, message)
end

-- Redis's time in ms since the epoch.
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Keeps a record, and its reply if that is given, until the callback is sent, but for `holdMs` at most. The
-- field
-- `expires` remembers when they would have expired; `leftMs` is the time until then.
local function holdForCallback(record, reply, leftMs, holdMs)
  if not redis.call('HGET', record, 'expires') then
    redis.call('HSET', record, 'expires', string.format('%.0f', nowMs() + leftMs))
  end
  redis.call('PEXPIRE', record, holdMs)
  if reply then
    redis.call('PEXPIRE', reply, holdMs)
  end
end

-- The score of a job in BullMQ's sorted set of delayed jobs: the time in ms, and below it a counter of 12
-- bits.
local function delayedScore(ms)
  return string.format('%.0f', ms * 4096)
end

-- Returns the time in ms that a score of a delayed job says.
local function delayedTime(score)
  return math.floor(tonumber(score) / 4096)
end
