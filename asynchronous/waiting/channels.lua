-- Publishes the ids of jobs: on ENDED those that ended, on CHANGED all whose state or attempt has changed.

local ended, changed = {}, {}

on('ended', function(job) ended[#ended + 1] = job.id end)

on('started', function(ids) table.insert(changed, ids) end)

on('changed', function(job) table.insert(changed, job.id) end)

on('step_over', function()
  -- A failed PUBLISH must not fail the step, because its writes would remain.
  if #ended > 0 then
    local ids = table.concat(ended, ' ')
    redis.pcall('PUBLISH', PREFIX .. ENDED, ids)
    table.insert(changed, ids)
  end
  if #changed > 0 then redis.pcall('PUBLISH', PREFIX .. CHANGED, table.concat(changed, ' ')) end
end)

on('needed', function(need)
  need('PUBLISH SUBSCRIBE', PREFIX .. ENDED)
  need('PUBLISH SUBSCRIBE', PREFIX .. CHANGED)
end)
