-- Starts the jobs of new entries, unless one has expired: `first_end` is when the first one does. All that must be known
-- is in the entries, so that no record is read or changed. Returns the time.
function steps.start_new(consumer, first_end, count, ids)
  if NOW < tonumber(first_end) then run_batch(consumer, ids, tonumber(count), false) end
  return NOW
end
