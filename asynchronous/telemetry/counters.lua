-- Totals and histograms, as fields of the hash COUNTERS. They are written once, when the step is over.

local totals = {}

local function count(field, by)
  totals[field] = (totals[field] or 0) + by
end

local function observe(histogram, bounds, value)
  local i = 1
  while bounds[i] and value > bounds[i] do i = i + 1 end
  count(histogram .. ':' .. (bounds[i] or 'more'), 1)
  count(histogram .. '_sum', value)
end

on('accepted', function() count('accepted', 1) end)

on('started', function(_, jobs)
  count('attempts', jobs)
  observe('batch', BATCH_BOUNDS, jobs)
end)

on('ended', function(job, status)
  count(status, 1)
  observe('latency', LATENCY_BOUNDS, math.max(0, NOW - job.accepted_at)) -- Redis's clock may have been set back
end)

on('callback', function(outcome) count('callbacks_' .. outcome, 1) end)

on('joined', function(restarted) if restarted then count('worker_restarts', 1) end end)

on('step_over', function()
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
