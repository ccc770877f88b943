-- Starts and ends a batch of jobs without their records.

local function count_leases(consumer)
  local leases = redis.pcall('XPENDING', QUEUE, GROUP) -- an error if Redis was emptied
  for _, holder in ipairs(leases[4] or {}) do
    if holder[1] == consumer then return tonumber(holder[2]) end
  end
  return 0
end

-- Starts new jobs if the consumer holds their entries and no others, and no job has expired: the first lifetime ends at
-- `first_end`. Returns the time, or nil.
function steps.start_new(consumer, first_end, count, ids)
  if NOW >= tonumber(first_end) or count_leases(consumer) ~= tonumber(count) then return nil end
  run_batch(consumer, ids, tonumber(count), false)
  return NOW
end

-- Ends jobs if the consumer still has their leases, and no job has expired. Takes a JSON list with six strings for each
-- job: id, entry, attempts, label, probability, and the reason why there is no result, or ''. Returns 1, or 0 if it
-- changed nothing.
function steps.finish_held(consumer, first_end, started_at, ended)
  local values, leases = cjson.decode(ended), {}
  for i = 2, #values, 6 do leases[#leases + 1] = values[i] end
  if NOW >= tonumber(first_end) or count_leases(consumer) < #leases then return 0 end
  acknowledged = redis.call('XACK', QUEUE, GROUP, unpack(leases))
  for i = 1, #values, 6 do
    local id, entry, attempts, label, probability, refused = unpack(values, i, i + 5)
    local job = {id = id, entry = entry, accepted_at = entry:match('%d+')}
    -- A lease ends with its job, so a job with a lease is open. If one is missing, the records are read.
    if acknowledged < #leases then job = open_job(id) end
    if job then job.attempts = attempts end
    if not job then table.insert(entries, entry)
    elseif refused ~= '' then finish(job, 'failed', 'started_at', started_at, 'reason', refused)
    else finish(job, 'done', 'started_at', started_at, 'label', label, 'probability', probability) end
  end
  return 1
end

-- Deletes the entries of ended jobs with XTRIM where it can: XDEL searches a node of the stream for each entry.
on('acknowledged', function(leases)
  local last = entries[#entries]
  -- Workers have read all entries up to the last one. If nobody holds one of those before it, their jobs have ended.
  if leases < #entries or #redis.call('XPENDING', QUEUE, GROUP, '-', last, 1) > 0 then return end
  redis.call('XTRIM', QUEUE, 'MINID', last)
  entries = {last}
end)

on('needed', function(need) need('XTRIM', QUEUE) end)
