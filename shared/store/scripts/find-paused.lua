-- Finds the queues that are paused: one call for many queues.
-- KEYS[1] BullMQ's hash of the first queue
-- ARGV[1..] BullMQ's hash of each queue, in the slot of the first one
-- Returns the indexes of those that are paused, from 1.
local paused = {}
for at = 1, #ARGV do
  if redis.call('HEXISTS', ARGV[at], 'paused') == 1 then
    paused[#paused + 1] = at
  end
end
return paused
