-- Publishes the ids of jobs: on ENDED of those that ended, on CHANGED of all that came to another state or attempt.

local ended, changed = {}, {}

on('ended', function(job)
  table.insert(ended, job.id)
  table.insert(changed, job.id)
end)

on('changed', function(job) table.insert(changed, job.id) end)

on('step_over', function()
  if #ended > 0 then redis.call('PUBLISH', ENDED, table.concat(ended, ' ')) end
  if #changed > 0 then redis.call('PUBLISH', CHANGED, table.concat(changed, ' ')) end
end)
