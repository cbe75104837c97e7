-- Stops autoscaling, or lets it go on.
-- KEYS[1] autoscale
-- ARGV[1] who stops it, as JSON; empty: it goes on
-- Returns 1; 0 if no leading controller has AUTOSCALE: then nothing was changed.
if redis.call('HEXISTS', KEYS[1], 'range') == 0 then
  return 0
end
if ARGV[1] == '' then
  redis.call('HDEL', KEYS[1], 'stopped')
else
  redis.call('HSET', KEYS[1], 'stopped', ARGV[1])
end
return 1
