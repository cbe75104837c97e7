-- Takes the leadership if it is free, or renews it if this controller has it.
-- KEYS[1] leader
-- KEYS[2] fence
-- ARGV[1] controller
-- ARGV[2] TTL in ms
-- Returns the token `<controller>#<fencing token>`, or nil while another controller leads.
local leader = redis.call('GET', KEYS[1])
if not leader then
  leader = ARGV[1] .. '#' .. string.format('%.0f', redis.call('INCR', KEYS[2]))
elseif not string.match(leader, '#%d+$') then
  return redis.error_reply('ERR the leader cannot be read')
elseif string.sub(leader, 1, #ARGV[1] + 1) ~= ARGV[1] .. '#' then
  return false
end
redis.call('SET', KEYS[1], leader, 'PX', ARGV[2])
return leader
