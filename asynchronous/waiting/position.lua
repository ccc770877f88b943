-- A pending job's place in the queue. Jobs have numbers in the order of their acceptance, and POSITIONS holds the last
-- number and the number of the job that was started last.

local started, last_number

on('accepted', function(record)
  last_number = (last_number or redis.call('HGET', POSITIONS, 'number') or 0) + 1
  table.insert(record, 'number')
  table.insert(record, last_number)
end)

on('started', function(ids, _, was_lapsed)
  if not was_lapsed then started = redis.call('HGET', record_of(ids:match('.* (.*)') or ids), 'number') end
end)

on('step_over', function()
  if started then redis.call('HSET', POSITIONS, 'started', started) end
  if last_number then redis.call('HSET', POSITIONS, 'number', last_number) end
  if started or last_number then extend(POSITIONS, JOB_LIFETIME + RESULT_LIFETIME) end
end)

on('needed', function(need)
  need('HGET HSET PEXPIRE', POSITIONS)
  redis.call('HGET', POSITIONS, '') -- fails if it is of another type
end)

-- The number of entries up to `last` whose lease has lapsed. They are claimed before all new entries.
local function lapsed(last)
  local entries = redis.pcall('XPENDING', QUEUE, GROUP, 'IDLE', LEASE, '-', last, SCAN)
  return entries.err and 0 or #entries -- an error if no worker has ever joined
end

on('read', function(job, record)
  if job.status ~= 'pending' then return end
  local number = tonumber(redis.call('HGET', record_of(job.id), 'number') or 0)
  local last = tonumber(redis.call('HGET', POSITIONS, 'started') or 0)
  local place = number > last and number - last + lapsed('+') or lapsed(job.entry)
  table.insert(record, 'queue_position')
  place = math.min(place, redis.call('XLEN', QUEUE)) -- jobs that expired in the queue have left it
  table.insert(record, math.max(1, place)) -- 0 if a consumer has read its entry, and later jobs were started first
end)
