-- Totals and histograms, as fields of the hash COUNTERS. They are written once, when the step is over.

local totals = {}
local latencies, latency_sum, i = {}, 0, 1 -- of the jobs that end in this step: the number in each bucket; the last bucket

local function count(field, by)
  totals[field] = (totals[field] or 0) + by
end

local function bucket(bounds, value)
  for i, bound in ipairs(bounds) do
    if value <= bound then return bound end
  end
  return 'more'
end

on('accepted', function() count('accepted', 1) end)

on('started', function(_, jobs)
  count('attempts', jobs)
  count('batch:' .. bucket(BATCH_BOUNDS, jobs), 1)
  count('batch_sum', jobs)
end)

on('ended', function(job, status)
  count(status, 1)
  local latency = math.max(0, NOW - job.accepted_at) -- Redis's clock may have been set back
  while i > 1 and latency <= LATENCY_BOUNDS[i - 1] do i = i - 1 end
  while i <= #LATENCY_BOUNDS and latency > LATENCY_BOUNDS[i] do i = i + 1 end
  latencies[i], latency_sum = (latencies[i] or 0) + 1, latency_sum + latency
end)

on('callback', function(outcome) count('callbacks_' .. outcome, 1) end)

on('joined', function(restarted) if restarted then count('worker_restarts', 1) end end)

on('step_over', function()
  for i, by in pairs(latencies) do
    totals['latency:' .. (LATENCY_BOUNDS[i] or 'more')], totals.latency_sum = by, latency_sum
  end
  for field, by in pairs(totals) do redis.call('HINCRBY', COUNTERS, field, by) end
  if next(totals) then redis.call('PEXPIRE', COUNTERS, COUNTERS_LIFETIME) end
end)

on('needed', function(need)
  need('HINCRBY HGETALL PEXPIRE', COUNTERS)
  redis.call('HGET', COUNTERS, '') -- fails if it is of another type
end)

-- Returns gauges and totals, each as a list of names and values.
function steps.measure()
  local oldest = redis.call('XRANGE', QUEUE, '-', '+', 'COUNT', 1)[1]
  local pending, held = redis.pcall('XPENDING', QUEUE, GROUP), 0 -- an error if no worker has ever joined
  for _, consumer in ipairs(not pending.err and pending[4] or {}) do
    if consumer[1] ~= NO_CONSUMER then held = held + consumer[2] end
  end
  local gauges = {'queued', redis.call('XLEN', QUEUE) - held, 'in_flight', held,
    'oldest_milliseconds', oldest and math.max(0, NOW - oldest[1]:match('%d+')) or 0}
  notify('measured', gauges)
  return {gauges, redis.call('HGETALL', COUNTERS)}
end
