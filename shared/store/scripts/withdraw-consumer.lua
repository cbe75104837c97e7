-- Withdraws a consumer's registration, so that no more jobs are delivered directly to it. Delivered jobs
-- stay.
-- KEYS[1] consumer
-- ARGV[1] the fence with which that consumer serves the queue
-- Returns 1 if it was registered, else 0. The registration of another fence stays.
-- USES parseRegistration
if parseRegistration(redis.call('GET', KEYS[1])) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
