-- Removes requests whose records are gone from the indexes of their replica.
-- KEYS[1] index by time
-- KEYS[2] index by key
-- KEYS[3] index of callbacks
-- ARGV[1..] entries of the index by time
-- Returns how many entries there were.
-- USES removeFromIndexes
for _, entry in ipairs(ARGV) do
  removeFromIndexes(KEYS[1], KEYS[2], KEYS[3], entry)
end
return #ARGV
