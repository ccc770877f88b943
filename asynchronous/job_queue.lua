-- Every change that a job goes through, each as one atomic step. Redis's own clock is the only clock.
-- keys.py puts the names in capitals in front of this text: keys, lifetimes in milliseconds, bounds of histograms.

local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
local SWEEP = 1000 -- entries looked at in one step, so that a long queue of expired jobs cannot hold Redis up

-- What this step leaves for its end, to be done once for all of its jobs.
local ended, changed = {}, {} -- ids of the jobs that came to their end, and of all that came to another state
local gone = {} -- entries of the stream
local totals = {}

local function count(field, by)
  totals[field] = (totals[field] or 0) + (by or 1)
end

local function observe(histogram, bounds, value)
  local i = 1
  while bounds[i] and value > bounds[i] do i = i + 1 end
  count(histogram .. ':' .. (bounds[i] or 'more'))
  count(histogram .. '_sum', value)
end

local function forget(entry)
  gone[#gone + 1] = entry
end

-- Gives a living job its terminal state; that it is only done to a living one makes this state the only one.
local function finish(job, status, ...)
  forget(job.entry)
  if job.reason then redis.call('HDEL', job.id .. RECORD, 'reason') end
  redis.call('HSET', job.id .. RECORD, 'status', status, 'finished_at', NOW, ...)
  redis.call('PEXPIRE', job.id .. RECORD, RESULT_LIFETIME)
  count(status)
  observe('latency', LATENCY_BOUNDS, NOW - job.accepted_at)
  ended[#ended + 1], changed[#changed + 1] = job.id, job.id
end

-- Ends a job as failed or expired, and keeps its image with the reason, so that it can be replayed.
local function bury(job, status, reason)
  finish(job, status, 'reason', reason)
  while redis.call('XLEN', DEAD_LETTERS) >= MAX_DEAD_LETTERS do
    local oldest = redis.call('XRANGE', DEAD_LETTERS, '-', '+', 'COUNT', 1)[1]
    redis.call('DEL', oldest[2][2] .. IMAGE)
    redis.call('XDEL', DEAD_LETTERS, oldest[1])
  end
  redis.call('XADD', DEAD_LETTERS, 'MINID', NOW - DEAD_LETTER_LIFETIME, '*',
    'job_id', job.id, 'status', status, 'reason', reason, 'attempts', job.attempts)
  redis.call('PEXPIRE', DEAD_LETTERS, DEAD_LETTER_LIFETIME)
  redis.call('PEXPIRE', job.id .. IMAGE, DEAD_LETTER_LIFETIME)
end

-- The job, or nil if it has ended or was never there. One that has outlived its lifetime is ended first.
local function living(id)
  local status, entry, accepted_at, expires_at, attempts, number, reason = unpack(redis.call('HMGET', id .. RECORD,
    'status', 'entry', 'accepted_at', 'expires_at', 'attempts', 'number', 'reason'))
  if status ~= 'pending' and status ~= 'running' then return nil end
  local job = {id = id, status = status, entry = entry, accepted_at = tonumber(accepted_at), reason = reason,
    attempts = tonumber(attempts), number = tonumber(number)}
  if NOW < tonumber(expires_at) then return job end
  bury(job, 'expired', 'no result within its lifetime')
end

-- Makes a new job of an image that is there already.
local function accept(id, ...)
  local keep = JOB_LIFETIME + RESULT_LIFETIME
  count('accepted')
  local number = tonumber(redis.call('HGET', COUNTERS, 'accepted') or 0) + totals.accepted
  local entry = redis.call('XADD', QUEUE, '*', 'job_id', id)
  redis.call('PEXPIRE', QUEUE, keep)
  redis.call('PEXPIRE', id .. IMAGE, keep)
  redis.call('HSET', id .. RECORD, 'status', 'pending', 'accepted_at', NOW, 'expires_at', NOW + JOB_LIFETIME,
    'attempts', 0, 'entry', entry, 'number', number, ...)
  redis.call('PEXPIRE', id .. RECORD, keep)
end

-- Marks a living job as running and returns {id, attempt, size of its image}, or nil if it is not to be run.
local function take(job)
  if job.attempts >= MAX_ATTEMPTS then
    local reason = job.reason or 'its worker went away'
    return bury(job, 'failed', 'given up after ' .. job.attempts .. ' attempts: ' .. reason)
  end
  local size = redis.call('STRLEN', job.id .. IMAGE)
  if size == 0 then return finish(job, 'failed', 'reason', 'its image is no longer in Redis') end
  if job.reason then redis.call('HDEL', job.id .. RECORD, 'reason') end
  redis.call('HSET', job.id .. RECORD, 'status', 'running', 'started_at', NOW, 'attempts', job.attempts + 1)
  changed[#changed + 1] = job.id
  return {job.id, job.attempts + 1, size}
end

-- The living jobs that `consumer` has in hand.
local function in_hand(consumer)
  local jobs = {}
  for _, held in ipairs(redis.call('XPENDING', QUEUE, GROUP, '-', '+', SWEEP, consumer)) do
    local entry = redis.call('XRANGE', QUEUE, held[1], held[1])[1]
    local job = entry and living(entry[2][2])
    if job then jobs[#jobs + 1] = job elseif entry then forget(held[1]) end
  end
  return jobs
end

-- How many entries of which the lease has lapsed, up to `last`: they go before all new ones.
local function lapsed(last)
  local entries = redis.pcall('XPENDING', QUEUE, GROUP, 'IDLE', LEASE, '-', last, SWEEP)
  return entries.err and 0 or #entries -- an error while no worker has ever joined
end

-- Ends the jobs that have outlived their lifetime in a queue that no worker comes to. They stand at its head.
local function sweep()
  local after = '-'
  for _ = 1, SWEEP do
    local entry = redis.call('XRANGE', QUEUE, after, '+', 'COUNT', 1)[1]
    if not entry or living(entry[2][2]) then break end
    forget(entry[1])
    after = '(' .. entry[1]
  end
end

local steps = {}

-- Answers with the job's id: with an earlier one, if `key` has been used for the same image before.
local function submit(id, image, key, fingerprint)
  if redis.call('EXISTS', id .. RECORD) == 1 then return id end -- sent again because the first answer was lost
  if key ~= '' then
    local first, its_fingerprint = unpack(redis.call('HMGET', key .. KEY, 'job_id', 'fingerprint'))
    if first and redis.call('EXISTS', first .. RECORD) == 1 then
      return its_fingerprint == fingerprint and first or 'conflict'
    end
  end
  if redis.call('XLEN', QUEUE) - #gone >= MAX_QUEUED_JOBS then return 'full' end
  redis.call('SET', id .. IMAGE, image)
  accept(id)
  if key ~= '' then
    redis.call('HSET', key .. KEY, 'job_id', id, 'fingerprint', fingerprint)
    redis.call('PEXPIRE', key .. KEY, JOB_LIFETIME + RESULT_LIFETIME)
  end
  return id
end

-- Four values for each job, one answer for each.
function steps.submit(...)
  sweep()
  local answers = {}
  for i = 1, select('#', ...), 4 do
    local id, image, key, fingerprint = select(i, ...)
    answers[#answers + 1] = submit(id, image, key, fingerprint)
  end
  return answers
end

-- The record and, while the job is pending, its place in the queue: 1 is next.
function steps.read(id)
  local job, place = living(id), 0
  if job and job.status == 'pending' then
    local taken = tonumber(redis.call('HGET', COUNTERS, 'taken') or 0)
    place = job.number > taken and job.number - taken + lapsed('+') or lapsed(job.entry)
    place = math.min(place, redis.call('XLEN', QUEUE)) -- jobs that expired while they waited have left it
  end
  return {redis.call('HGETALL', id .. RECORD), place}
end

-- Entries whose lease has lapsed come first and one at a time, so that an image that kills its worker takes no
-- neighbour with it. `entry` and `id`: a new entry that a blocking read has already delivered to this consumer.
function steps.claim(consumer, count_limit, size_limit, entry, id)
  local function started(again, batch)
    if #batch > 0 then
      count('attempts', #batch)
      observe('batch', BATCH_BOUNDS, #batch)
    end
    return {again, unpack(batch)}
  end
  for _ = 1, SWEEP do
    local held = redis.call('XPENDING', QUEUE, GROUP, 'IDLE', LEASE, '-', '+', 1)[1]
    if not held or entry then break end
    local claimed = redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, held[1])[1]
    local job = claimed and living(claimed[2][2])
    local running = job and take(job)
    if running then return started(1, {running}) end
    forget(held[1])
  end
  local batch, size, taken = {}, 0, nil
  for _ = 1, SWEEP do
    if not entry then
      local new = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', 1, 'STREAMS', QUEUE, '>')
      if not new then break end
      entry, id = new[1][2][1][1], new[1][2][1][2][2]
    end
    local job = living(id)
    local running = job and take(job)
    if not job then forget(entry) else taken = job.number end
    if running then batch[#batch + 1], size = running, size + running[3] end
    if #batch >= tonumber(count_limit) or size >= tonumber(size_limit) then break end
    entry = nil
  end
  if taken then redis.call('HSET', COUNTERS, 'taken', taken) end
  return started(0, batch)
end

-- Four values for each job: id, status, and then label and probability (done) or reason and '' (failed).
function steps.finish(...)
  for i = 1, select('#', ...), 4 do
    local id, status, first, second = select(i, ...)
    local job = living(id)
    if job then
      redis.call('DEL', id .. IMAGE)
      if status == 'done' then finish(job, status, 'label', first, 'probability', second)
      else finish(job, status, 'reason', first) end
    end
  end
end

-- Lets go of all that `consumer` has in hand, for anyone to take up at once. An attempt that is not the job's doing
-- is not counted.
function steps.give_back(consumer, counted, reason)
  for _, job in ipairs(in_hand(consumer)) do
    redis.call('XCLAIM', QUEUE, GROUP, NOBODY, 0, job.entry, 'IDLE', LEASE, 'JUSTID')
    -- One that was delivered, but not yet taken up, is still pending and has not had this attempt.
    local undone = job.status == 'running' and counted == '0' and 1 or 0
    redis.call('HSET', job.id .. RECORD, 'status', 'pending', 'reason', reason, 'attempts', job.attempts - undone)
    changed[#changed + 1] = job.id
  end
end

function steps.renew(consumer)
  for _, job in ipairs(in_hand(consumer)) do
    redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, job.entry, 'JUSTID')
  end
end

-- Makes the stream and its group, and drops consumers that left nothing behind.
function steps.join()
  local made = redis.pcall('XGROUP', 'CREATE', QUEUE, GROUP, 0, 'MKSTREAM')
  if made.err and not made.err:find('BUSYGROUP') then return made end
  redis.call('PEXPIRE', QUEUE, JOB_LIFETIME + RESULT_LIFETIME)
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', QUEUE, GROUP)) do
    local name, pending, idle = consumer[2], consumer[4], consumer[6]
    if pending == 0 and idle > CONSUMER_LIFETIME then redis.call('XGROUP', 'DELCONSUMER', QUEUE, GROUP, name) end
  end
end

steps.count = count

-- Makes a new job of a dead letter. The old job keeps its end, and from then on names the new one.
function steps.replay(letter, id)
  if redis.call('EXISTS', id .. RECORD) == 1 then return id end -- sent again because the first answer was lost
  local found = redis.call('XRANGE', DEAD_LETTERS, letter, letter)[1]
  local old = found and found[2][2]
  if not found or redis.call('EXISTS', old .. IMAGE) == 0 then return 'gone' end
  if redis.call('XLEN', QUEUE) >= MAX_QUEUED_JOBS then return 'full' end
  redis.call('RENAME', old .. IMAGE, id .. IMAGE)
  accept(id, 'replay_of', old)
  redis.call('XDEL', DEAD_LETTERS, letter)
  if redis.call('EXISTS', old .. RECORD) == 1 then redis.call('HSET', old .. RECORD, 'replayed_as', id) end
  return id
end

function steps.drop(letter)
  local found = redis.call('XRANGE', DEAD_LETTERS, letter, letter)[1]
  if not found then return 'gone' end
  redis.call('DEL', found[2][2] .. IMAGE)
  redis.call('XDEL', DEAD_LETTERS, letter)
  return found[2][2]
end

function steps.stats()
  local oldest = redis.call('XRANGE', QUEUE, '-', '+', 'COUNT', 1)[1]
  local pending, held = redis.pcall('XPENDING', QUEUE, GROUP), 0 -- an error while no worker has ever joined
  for _, consumer in ipairs(not pending.err and pending[4] or {}) do
    if consumer[1] ~= NOBODY then held = held + consumer[2] end
  end
  return {redis.call('XLEN', QUEUE), held, oldest and NOW - oldest[1]:match('%d+') or 0,
    redis.call('XLEN', DEAD_LETTERS), redis.call('HGETALL', COUNTERS)}
end

-- When Redis is at maxmemory, a script may not begin to write, except with a command that could free memory; after
-- that it may go on. Only a new job needs to be refused: all other steps lead to an emptier Redis.
if ARGV[1] ~= 'submit' then redis.call('XACK', QUEUE, GROUP, '0-0') end
local answer = steps[ARGV[1]](unpack(ARGV, 2))
if #gone > 0 then
  redis.call('XACK', QUEUE, GROUP, unpack(gone))
  redis.call('XDEL', QUEUE, unpack(gone))
end
for field, by in pairs(totals) do redis.call('HINCRBY', COUNTERS, field, by) end
if next(totals) then redis.call('PEXPIRE', COUNTERS, COUNTERS_LIFETIME) end
if #ended > 0 then redis.call('PUBLISH', ENDED, table.concat(ended, ' ')) end
if #changed > 0 then redis.call('PUBLISH', CHANGED, table.concat(changed, ' ')) end
return answer
