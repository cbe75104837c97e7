-- Reads one consistent state of the ring, unless it is the one that the caller knows. A mark stands for a
-- state: each change of the ring raises the version, and a field that was lost or moved aside changes a size.
-- KEYS[1] version
-- KEYS[2] desired
-- KEYS[3] ring
-- KEYS[4] retired
-- KEYS[5] joined
-- KEYS[6] settings
-- KEYS[7] upstream positions
-- KEYS[8] upstreams
-- KEYS[9] drained
-- KEYS[10] restarts
-- KEYS[11] slow starts
-- KEYS[12] ejections
-- ARGV[1] the mark of the state that the caller knows; `unknown` if it knows none; '' if it wants no mark
-- Returns {the mark} if the state has it still. Else {version or -1 if nothing was ever desired, desired,
-- ring, retired, settings of all gateways, upstream positions, drained, restarts, slow starts, ejections
-- (each a flat list of names and values), upstreams or false, last joining number, mark or false}.
local call, mark = redis.call, false
local version, joined = call('GET', KEYS[1]) or -1, call('GET', KEYS[5]) or 0
local settings, upstreams = call('HGETALL', KEYS[6]), call('GET', KEYS[8])
if ARGV[1] ~= '' then
  local parts = { version, joined }
  for _, at in ipairs({ 2, 3, 4, 7, 9, 10, 11, 12 }) do
    parts[#parts + 1] = call('HLEN', KEYS[at])
  end
  parts[#parts + 1] = redis.sha1hex(table.concat(settings, '\n') .. '\n' .. (upstreams or ''))
  mark = table.concat(parts, ' ')
  if mark == ARGV[1] then
    return { mark }
  end
end
return {
  tonumber(version),
  call('HGETALL', KEYS[2]),
  call('HGETALL', KEYS[3]),
  call('HGETALL', KEYS[4]),
  settings,
  call('HGETALL', KEYS[7]),
  call('HGETALL', KEYS[9]),
  call('HGETALL', KEYS[10]),
  call('HGETALL', KEYS[11]),
  call('HGETALL', KEYS[12]),
  upstreams,
  tonumber(joined),
  mark,
}
