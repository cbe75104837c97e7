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

-- Reads the note that a replica sleeps, which takes the place of a registration. Returns its first word,
-- `asleep` or `waking`, and the rest of it; nil if there is no note.
local function parseSleepNote(note)
  local word, rest = string.match(note or '', '^(%l+) (%d+ %d+ .+)$')
  if word == 'asleep' or word == 'waking' then
    return word, rest
  end
end

-- Wakes a replica that sleeps, for a job that was added: its note says so from now on, and the controllers
-- are told. The note ends with the channel on which they listen.
local function wakeSleeper(key, note)
  local word, rest = parseSleepNote(note)
  if word == 'asleep' then
    redis.call('SET', key, 'waking ' .. rest)
    redis.call('PUBLISH', string.match(rest, '%S+$'), 'wake')
  end
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

-- Puts a request at the end of a line, unless it is in the line already. The line's TTL is only ever raised.
-- `replica` is whose queue has the job of the request, if its id names another one; else ''.
-- Returns whether the request was not in the line.
local function joinLine(line, moves, id, ttlMs, replica)
  local isNew = not redis.call('ZSCORE', line, id)
  if isNew then
    local time = redis.call('TIME')
    local place = time[1] * 1000000 + time[2]
    local last = redis.call('ZREVRANGE', line, 0, 0, 'WITHSCORES')[2]
    -- A clock may stand still or go back; the order of the line must not.
    if last and tonumber(last) >= place then
      place = tonumber(last) + 1
    end
    redis.call('ZADD', line, string.format('%.0f', place), id)
  end
  local left, raised = redis.call('PTTL', line), false
  if left < tonumber(ttlMs) then
    left, raised = ttlMs, true
    redis.call('PEXPIRE', line, left)
  end
  if replica == '' then
    redis.call('HDEL', moves, id)
  else
    redis.call('HSET', moves, id, replica)
  end
  -- The moves may be newer than the line, whose time need not be raised then.
  if raised or replica ~= '' then
    redis.call('PEXPIRE', moves, left)
  end
  return isNew
end

-- What a running request's place in its line is less than the time at which it joined, in microseconds.
local function runningShift()
  return 4000000000000000
end

-- Moves a request from the list of active jobs to the set of streams, so that it holds no slot any more. The
-- set comes first: if a step fails at a garbled key, the request is in one of the two. A request that is not
-- active has no job any more, and its id would stay in the set.
local function moveToStreams(active, streams, id)
  if redis.call('SADD', streams, id) == 1 and redis.call('LREM', active, '-1', id) == 0 then
    redis.call('SREM', streams, id)
  end
end

-- Whether a request in this state has come to its end.
local function isFinal(state)
  return state == 'done' or state == 'failed' or state == 'cancelled' or state == 'expired'
end

-- Whether a kept stream ends with this entry and has this number of them, so that Redis has lost none.
local function isWholeStream(stream, lastId, entries)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and last[1] == lastId and redis.call('XLEN', stream) == tonumber(entries)
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

-- Appends the fields and values of an event to `fields`. `count` is how many events the record has had, of
-- which it keeps the latest 32; `event` is the text, or ''.
local function addEvent(fields, count, event)
  if event == '' then
    return fields
  end
  local before = tonumber(count or 0) or 0
  local all = { 'events', before + 1, 'event:' .. before % 32, string.format('%.0f ', nowMs()) .. event }
  for _, each in ipairs(all) do
    table.insert(fields, each)
  end
  return fields
end

-- The key of a request's answer: that of its kept stream if that is complete, else that of its kept reply.
-- `streams` is the key of its kept streams, up to their fences.
local function answerOf(record, reply, streams)
  local fence, length = unpack(redis.call('HMGET', record, 'stream', 'length'))
  return fence and length and streams .. fence or reply
end

-- Keeps a record, and its reply if that is given, until the callback's first attempt, but for `holdMs` at
-- most. After that attempt the callback's job has the message, so it needs neither of them. The field
-- `expires` remembers when they would have expired; `leftMs` is the time until then, negative if there is no
-- record. Returns whether they are kept for longer than before.
local function holdForCallback(record, reply, leftMs, holdMs)
  if leftMs < 0 or leftMs >= tonumber(holdMs) or redis.call('HGET', record, 'callback') ~= 'pending' then
    return false
  end
  if not redis.call('HGET', record, 'expires') then
    redis.call('HSET', record, 'expires', string.format('%.0f', nowMs() + leftMs))
  end
  redis.call('PEXPIRE', record, holdMs)
  if reply then
    redis.call('PEXPIRE', reply, holdMs)
  end
  return true
end

-- Notes a state or fields of a request, unless it has come to its end, and tells those who watch it. A
-- request that is to be cancelled neither starts nor waits again. The record's TTL is only ever raised: it
-- outlives its idempotency key. `state` and `event` may be ''; `fields` are names and values.
-- Returns 1; 0 if the request had already ended, or has no record that a state would create; -1 if it is to
-- be cancelled and nothing was noted.
local function noteInRecord(record, state, ttlMs, channel, event, fields)
  local before, cancel, count = unpack(redis.call('HMGET', record, 'state', 'cancelAsked', 'events'))
  if isFinal(before) or (state == '' and not before) then
    return 0
  end
  if cancel and (state == 'queued' or state == 'running') then
    return -1
  end
  if state ~= '' then
    table.insert(fields, 'state')
    table.insert(fields, state)
  end
  addEvent(fields, count, event)
  if #fields > 0 then
    redis.call('HSET', record, unpack(fields))
  end
  local left = redis.call('PTTL', record)
  if left < tonumber(ttlMs) then
    redis.call('PEXPIRE', record, ttlMs)
    left = tonumber(ttlMs)
  end
  -- The callback reads the record. So the record is kept for ten minutes at most.
  if isFinal(state) then
    holdForCallback(record, nil, left, 600000)
  end
  publishChange(record, channel, state)
  return 1
end

-- Removes a request from the indexes of its replica. `entry` is that of the first index, as
-- `accept-request.lua` writes it.
local function removeFromIndexes(index, keyIndex, callbackIndex, entry)
  redis.call('ZREM', index, entry)
  local at, id, digest, callback = string.match(entry, '^(%d+) (%S+) (%S+) (%S+)$')
  if digest and digest ~= '-' then
    redis.call('ZREM', keyIndex, digest .. ' ' .. at .. ' ' .. id)
  end
  if callback and callback ~= '-' then
    local states = { 'pending', 'retrying', 'delivered', 'gone', 'blocked', 'failed', 'none' }
    for n, state in ipairs(states) do
      states[n] = state .. ' ' .. at .. ' ' .. id
    end
    redis.call('ZREM', callbackIndex, unpack(states))
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

-- Whether the worker with this lease finds the record of a request by its id, also if another replica's queue
-- had the job before. Those of the release before do not say so. A worker that is yet to be woken will.
local function findsRecords(lease, consumer)
  return string.find(lease or '', '"findsRecords":true', 1, true) or (not lease and parseSleepNote(consumer))
end
