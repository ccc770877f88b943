-- Totals and histograms, as fields of the hash COUNTERS. They are written once, when the step is over.

local totals = {}
local latencies, latest = {}, 1 -- the number of jobs in each bucket, and the bucket of the job that ended last

local function count(field, by)
  totals[field] = (totals[field] or 0) + by
end

-- Returns the number of the value's bucket. The search begins at bucket `i`: jobs of a batch have similar latencies.
local function bucket(bounds, value, i)
  while i > 1 and value <= bounds[i - 1] do i = i - 1 end
  while i <= #bounds and value > bounds[i] do i = i + 1 end
  return i
end

local function count_bucket(histogram, bounds, i, by) count(histogram .. ':' .. (bounds[i] or 'more'), by) end

on('accepted', function() count('accepted', 1) end)

on('started', function(_, jobs)
  count('attempts', jobs)
  count_bucket('batch', BATCH_BOUNDS, bucket(BATCH_BOUNDS, jobs, 1), 1)
  count('batch_sum', jobs)
end)

on('ended', function(job, status)
  count(status, 1)
  local latency = math.max(0, NOW - job.accepted_at) -- Redis's clock may have been set back
  latest = bucket(LATENCY_BOUNDS, latency, latest)
  latencies[latest] = (latencies[latest] or 0) + 1
  count('latency_sum', latency)
end)

on('callback', function(outcome) count('callbacks_' .. outcome, 1) end)

on('joined', function(restarted) if restarted then count('worker_restarts', 1) end end)

on('step_over', function()
  for i, by in pairs(latencies) do count_bucket('latency', LATENCY_BOUNDS, i, by) end
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
