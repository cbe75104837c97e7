-- Adds jobs that are to be run at once, by BullMQ's own script.
-- KEYS[1..9] as BullMQ's addStandardJob has them
-- ARGV[1] prefix of the queue's keys  ARGV[2] name of the jobs  ARGV[3] ms since the epoch  ARGV[4] options as JSON
-- ARGV[5..] for each job: its id, its data
-- Returns what addStandardJob says of each job: its id.
-- INCLUDE
local options = cjson.decode(ARGV[4])
local added = {}
for at = 5, #ARGV, 2 do
  options.jobId = ARGV[at]
  local arguments = cmsgpack.pack({ ARGV[1], ARGV[at], ARGV[2], ARGV[3] })
  added[#added + 1] = addStandardJob(KEYS, { arguments, ARGV[at + 1], cmsgpack.pack(options) })
end
return added
