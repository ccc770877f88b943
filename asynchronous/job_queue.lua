-- Every change that a job goes through, each as one atomic step. Redis's own clock is the only clock.
-- keys.py puts the names in capitals in front of this text: keys, and lifetimes in milliseconds.

local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
local SWEEP = 1000 -- entries looked at in one step, so that a long queue of expired jobs cannot hold Redis up
local ended = {} -- ids of the jobs that this step brought to an end

local function count(field, by)
  redis.call('HINCRBY', COUNTERS, field, by or 1)
  redis.call('PEXPIRE', COUNTERS, COUNTERS_LIFETIME)
end

local function forget(entry)
  redis.call('XACK', QUEUE, GROUP, entry)
  redis.call('XDEL', QUEUE, entry)
end

-- Gives a job its terminal state. Only for a job that is not `over`: that is what makes it the only one.
local function finish(id, status, ...)
  forget(redis.call('HGET', id .. RECORD, 'entry'))
  redis.call('HSET', id .. RECORD, 'status', status, 'finished_at', NOW, ...)
  redis.call('PEXPIRE', id .. RECORD, RESULT_LIFETIME)
  count(status)
  ended[#ended + 1] = id
end

-- Ends a job as failed or expired, and keeps its image with the reason, so that it can be replayed.
local function bury(id, status, reason)
  finish(id, status, 'reason', reason)
  while redis.call('XLEN', DEAD_LETTERS) >= MAX_DEAD_LETTERS do
    local oldest = redis.call('XRANGE', DEAD_LETTERS, '-', '+', 'COUNT', 1)[1]
    redis.call('DEL', oldest[2][2] .. IMAGE)
    redis.call('XDEL', DEAD_LETTERS, oldest[1])
  end
  redis.call('XADD', DEAD_LETTERS, 'MINID', NOW - DEAD_LETTER_LIFETIME, '*',
    'job_id', id, 'status', status, 'reason', reason)
  redis.call('PEXPIRE', DEAD_LETTERS, DEAD_LETTER_LIFETIME)
  redis.call('PEXPIRE', id .. IMAGE, DEAD_LETTER_LIFETIME)
end

-- Says whether a job has ended or was never there, after expiring it if it has outlived its lifetime.
local function over(id)
  local job = redis.call('HMGET', id .. RECORD, 'status', 'expires_at')
  if job[1] ~= 'pending' and job[1] ~= 'running' then return true end
  if NOW < tonumber(job[2]) then return false end
  bury(id, 'expired', 'no result within its lifetime')
  return true
end

-- Marks the job of one entry as running and returns {id, attempt, size of its image}, or nil if it is not to be run.
local function take(entry, id)
  if over(id) then forget(entry) return nil end
  local attempts, reason = unpack(redis.call('HMGET', id .. RECORD, 'attempts', 'reason'))
  if tonumber(attempts) >= MAX_ATTEMPTS then
    bury(id, 'failed', 'given up after ' .. attempts .. ' attempts: ' .. (reason or 'its worker went away'))
    return nil
  end
  local size = redis.call('STRLEN', id .. IMAGE)
  if size == 0 then finish(id, 'failed', 'reason', 'its image is no longer in Redis') return nil end
  redis.call('HDEL', id .. RECORD, 'reason')
  redis.call('HSET', id .. RECORD, 'status', 'running', 'started_at', NOW)
  return {id, redis.call('HINCRBY', id .. RECORD, 'attempts', 1), size}
end

-- The {entry, id} of all that `consumer` has in hand.
local function in_hand(consumer)
  local jobs = {}
  for _, held in ipairs(redis.call('XPENDING', QUEUE, GROUP, '-', '+', SWEEP, consumer)) do
    local entry = redis.call('XRANGE', QUEUE, held[1], held[1])[1]
    if entry and over(entry[2][2]) then forget(held[1])
    elseif entry then jobs[#jobs + 1] = {held[1], entry[2][2]} end
  end
  return jobs
end

local steps = {}

function steps.submit(id, image)
  if redis.call('EXISTS', id .. RECORD) == 1 then return 1 end -- sent again because the first answer was lost
  if redis.call('XLEN', QUEUE) >= MAX_QUEUED_JOBS then return 0 end
  local keep = JOB_LIFETIME + RESULT_LIFETIME
  local entry = redis.call('XADD', QUEUE, '*', 'job_id', id)
  redis.call('PEXPIRE', QUEUE, keep)
  redis.call('SET', id .. IMAGE, image, 'PX', keep)
  redis.call('HSET', id .. RECORD, 'status', 'pending', 'accepted_at', NOW, 'expires_at', NOW + JOB_LIFETIME,
    'attempts', 0, 'entry', entry)
  redis.call('PEXPIRE', id .. RECORD, keep)
  count('accepted')
  return 1
end

function steps.read(id)
  over(id)
  return redis.call('HGETALL', id .. RECORD)
end

-- Entries whose lease has lapsed come first and one at a time, so that an image that kills its worker takes no
-- neighbour with it. `entry` and `id`: a new entry that a blocking read has already delivered to this consumer.
function steps.claim(consumer, count_limit, size_limit, entry, id)
  for _ = 1, SWEEP do
    local lapsed = redis.call('XPENDING', QUEUE, GROUP, 'IDLE', LEASE, '-', '+', 1)[1]
    if not lapsed or entry then break end
    local claimed = redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, lapsed[1])[1]
    local job = claimed and take(claimed[1], claimed[2][2])
    if job then count('attempts') return {1, job} end
  end
  local batch, size = {0}, 0
  for _ = 1, SWEEP do
    if not entry then
      local new = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', 1, 'STREAMS', QUEUE, '>')
      if not new then break end
      entry, id = new[1][2][1][1], new[1][2][1][2][2]
    end
    local job = take(entry, id)
    if job then batch[#batch + 1], size = job, size + job[3] end
    if #batch > tonumber(count_limit) or size >= tonumber(size_limit) then break end
    entry = nil
  end
  if #batch > 1 then count('attempts', #batch - 1) count('batches') end
  return batch
end

-- Four values for each job: id, status, and then label and probability (done) or reason and '' (failed).
function steps.finish(...)
  for i = 1, select('#', ...), 4 do
    local id, status, first, second = select(i, ...)
    if not over(id) then
      redis.call('DEL', id .. IMAGE)
      if status == 'done' then finish(id, status, 'label', first, 'probability', second)
      else finish(id, status, 'reason', first) end
    end
  end
end

-- Lets go of all that `consumer` has in hand, for anyone to take up at once. An attempt that is not the job's doing
-- is not counted.
function steps.give_back(consumer, counted, reason)
  for _, job in ipairs(in_hand(consumer)) do
    redis.call('XCLAIM', QUEUE, GROUP, NOBODY, 0, job[1], 'IDLE', LEASE, 'JUSTID')
    -- One that was delivered, but not yet taken up, is still pending and has not had this attempt.
    local taken_up = redis.call('HGET', job[2] .. RECORD, 'status') == 'running'
    if taken_up and counted == '0' then redis.call('HINCRBY', job[2] .. RECORD, 'attempts', -1) end
    redis.call('HSET', job[2] .. RECORD, 'status', 'pending', 'reason', reason)
  end
end

function steps.renew(consumer)
  for _, job in ipairs(in_hand(consumer)) do
    redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, job[1], 'JUSTID')
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

function steps.stats()
  local oldest = redis.call('XRANGE', QUEUE, '-', '+', 'COUNT', 1)[1]
  local held = redis.pcall('XPENDING', QUEUE, GROUP) -- an error while no worker has ever joined
  return {redis.call('XLEN', QUEUE), held.err and 0 or held[1], oldest and NOW - oldest[1]:match('%d+') or 0,
    redis.call('XLEN', DEAD_LETTERS), redis.call('HGETALL', COUNTERS)}
end

-- When Redis is at maxmemory, a script may not begin to write, except with a command that could free memory; after
-- that it may go on. Only a new job needs to be refused: all other steps lead to an emptier Redis.
if ARGV[1] ~= 'submit' then redis.call('XACK', QUEUE, GROUP, '0-0') end
local answer = steps[ARGV[1]](unpack(ARGV, 2))
if #ended > 0 then redis.call('PUBLISH', FINISHED, table.concat(ended, ' ')) end
return answer
