-- Starts a batch of new entries if the consumer still holds all of them, and no job has expired: the first lifetime
-- ends at `first_end`. The entries hold all that is needed, so no record is read or changed. Returns the time, or nil.
function steps.start_new(consumer, first_end, first, last, count, ids)
  local held = redis.call('XPENDING', QUEUE, GROUP, first, last, count, consumer)
  if #held < tonumber(count) or NOW >= tonumber(first_end) then return nil end
  run_batch(consumer, ids, #held, false)
  return NOW
end
