-- Ends those of the given jobs that have expired; takes an entry and an id for each. Returns the number of entries that
-- left the stream, and stops at the first open job: a queue without workers has its oldest jobs at its head.
function steps.expire(...)
  for i = 1, select('#', ...), 2 do
    local entry, id = select(i, ...)
    if open_job(id) then break end
    if entries[#entries] ~= entry then table.insert(entries, entry) end
  end
  return #entries
end
