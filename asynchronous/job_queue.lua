-- Every change of a job's state. One run of this script is one step, which Redis runs atomically by its own clock.
-- keys.py puts the names in capitals before this text; after it, the optional folders' Lua files and a call of `run`.

local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
local SCAN = 1000 -- entries examined in one step at most, so that a long queue of expired jobs does not block Redis

local steps = {}

local actions = {} -- for events; optional folders add actions, and steps of their own

local function on(event, action)
  actions[event] = actions[event] or {}
  table.insert(actions[event], action)
end

local function notify(event, ...)
  for _, action in ipairs(actions[event] or {}) do action(...) end
end

local function remove(entry)
  redis.call('XACK', QUEUE, GROUP, entry)
  redis.call('XDEL', QUEUE, entry)
end

-- Gives an open job its terminal state. Only an open job gets one, so a terminal state never changes.
local function finish(job, status, ...)
  remove(job.entry)
  if job.reason then redis.call('HDEL', job.id .. RECORD, 'reason') end
  redis.call('HSET', job.id .. RECORD, 'status', status, 'finished_at', NOW, ...)
  redis.call('PEXPIRE', job.id .. RECORD, RESULT_LIFETIME)
  if not job.keep_image then redis.call('DEL', job.id .. IMAGE) end
  notify('ended', job, status)
end

-- Ends a job that will get no result. An action may set job.keep_image.
local function give_up(job, status, reason)
  notify('given_up', job, status, reason)
  finish(job, status, 'reason', reason)
end

-- Returns the job if it is open, else nil. A job that has outlived its lifetime is ended first.
local function open_job(id)
  local status, entry, accepted_at, expires_at, attempts, reason = unpack(redis.call('HMGET', id .. RECORD,
    'status', 'entry', 'accepted_at', 'expires_at', 'attempts', 'reason'))
  if status ~= 'pending' and status ~= 'running' then return nil end
  local job = {id = id, status = status, entry = entry, accepted_at = tonumber(accepted_at), reason = reason,
    attempts = tonumber(attempts)}
  if NOW < tonumber(expires_at) then return job end
  give_up(job, 'expired', 'no result within its lifetime')
end

-- Makes a job of an image that is already stored. Further arguments are fields and values of its record.
local function accept(id, ...)
  local lifetime = JOB_LIFETIME + RESULT_LIFETIME
  local record = {'status', 'pending', 'accepted_at', NOW, 'expires_at', NOW + JOB_LIFETIME, 'attempts', 0,
    'entry', redis.call('XADD', QUEUE, '*', 'job_id', id), ...}
  notify('accepted', record)
  redis.call('HSET', id .. RECORD, unpack(record))
  redis.call('PEXPIRE', id .. RECORD, lifetime)
  redis.call('PEXPIRE', id .. IMAGE, lifetime)
  redis.call('PEXPIRE', QUEUE, lifetime)
end

-- Marks a job as running and returns {id, attempt, size of its image}, or nil if it must not run.
local function start(id)
  local job = open_job(id)
  if not job then return nil end
  if job.attempts >= MAX_ATTEMPTS then
    local reason = job.reason or 'its worker went away'
    return give_up(job, 'failed', 'given up after ' .. job.attempts .. ' attempts: ' .. reason)
  end
  local size = redis.call('STRLEN', job.id .. IMAGE)
  if size == 0 then return finish(job, 'failed', 'reason', 'its image is no longer in Redis') end
  if job.reason then redis.call('HDEL', job.id .. RECORD, 'reason') end
  redis.call('HSET', job.id .. RECORD, 'status', 'running', 'started_at', NOW, 'attempts', job.attempts + 1)
  notify('changed', job)
  return {job.id, job.attempts + 1, size}
end

-- The open jobs on which `consumer` holds a lease.
local function leased(consumer)
  local jobs = {}
  for _, held in ipairs(redis.call('XPENDING', QUEUE, GROUP, '-', '+', SCAN, consumer)) do
    local entry = redis.call('XRANGE', QUEUE, held[1], held[1])[1]
    local job = entry and open_job(entry[2][2])
    if job then jobs[#jobs + 1] = job elseif entry then remove(held[1]) end
  end
  return jobs
end

-- Ends expired jobs in a queue without workers. They are at its head.
local function end_expired()
  for _ = 1, SCAN do
    local entry = redis.call('XRANGE', QUEUE, '-', '+', 'COUNT', 1)[1]
    if not entry or open_job(entry[2][2]) then break end
    remove(entry[1])
  end
end

local function submit(id, image)
  if redis.call('EXISTS', id .. RECORD) == 1 then return id end -- sent again because the first answer was lost
  if redis.call('XLEN', QUEUE) >= MAX_QUEUED_JOBS then return 'full' end
  redis.call('SET', id .. IMAGE, image)
  accept(id)
  return id
end

-- Takes an id and an image for each job, and returns the id or 'full' for each.
function steps.submit(...)
  end_expired()
  local answers = {}
  for i = 1, select('#', ...), 2 do
    local id, image = select(i, ...)
    answers[#answers + 1] = submit(id, image)
  end
  return answers
end

-- Returns the record as a list of fields and values, to which actions may add.
function steps.read(id)
  local job = open_job(id)
  local record = redis.call('HGETALL', id .. RECORD)
  if job then notify('read', job, record) end
  return record
end

-- Starts one job whose lease has lapsed. It runs alone, so an image that kills its worker affects no other job.
local function claim_lapsed(consumer)
  for _ = 1, SCAN do
    local held = redis.call('XPENDING', QUEUE, GROUP, 'IDLE', LEASE, '-', '+', 1)[1]
    if not held then return nil end
    local claimed = redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, held[1])[1]
    local running = claimed and start(claimed[2][2])
    if running then return running end
    remove(held[1])
  end
end

-- Starts new jobs up to a number and a total size of images. The first one may have been delivered already.
local function claim_new(consumer, max_count, max_size, entry, id)
  local batch, size = {}, 0
  for _ = 1, SCAN do
    if not entry then
      local new = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', 1, 'STREAMS', QUEUE, '>')
      if not new then break end
      entry, id = new[1][2][1][1], new[1][2][1][2][2]
    end
    local running = start(id)
    if running then batch[#batch + 1], size = running, size + running[3] else remove(entry) end
    if #batch >= max_count or size >= max_size then break end
    entry = nil
  end
  return batch
end

-- Returns 1 and one job whose lease had lapsed, or 0 and a batch of new jobs. `entry` and `id`: a new entry that a
-- blocking read has delivered to this consumer.
function steps.claim(consumer, max_count, max_size, entry, id)
  local lapsed_job = not entry and claim_lapsed(consumer)
  local batch = lapsed_job and {lapsed_job} or claim_new(consumer, tonumber(max_count), tonumber(max_size), entry, id)
  if #batch > 0 then notify('claimed', batch, lapsed_job) end
  return {lapsed_job and 1 or 0, unpack(batch)}
end

-- Takes four values for each job: id, status, and then label and probability (done) or reason and '' (failed).
function steps.finish(...)
  for i = 1, select('#', ...), 4 do
    local id, status, first, second = select(i, ...)
    local job = open_job(id)
    if job and status == 'done' then finish(job, status, 'label', first, 'probability', second)
    elseif job then finish(job, status, 'reason', first) end
  end
end

-- Releases all jobs of `consumer`, for any worker to claim at once. An attempt counts only if the job may have caused
-- its failure.
function steps.release(consumer, counted, reason)
  for _, job in ipairs(leased(consumer)) do
    redis.call('XCLAIM', QUEUE, GROUP, NO_CONSUMER, 0, job.entry, 'IDLE', LEASE, 'JUSTID')
    -- A job that was delivered but not started is still pending and did not have this attempt.
    local undone = job.status == 'running' and counted == '0' and 1 or 0
    redis.call('HSET', job.id .. RECORD, 'status', 'pending', 'reason', reason, 'attempts', job.attempts - undone)
    notify('changed', job)
  end
end

function steps.renew(consumer)
  for _, job in ipairs(leased(consumer)) do
    redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, job.entry, 'JUSTID')
  end
end

-- Makes the stream and its group, and drops consumers that are idle and hold no lease.
function steps.join(restarted)
  local made = redis.pcall('XGROUP', 'CREATE', QUEUE, GROUP, 0, 'MKSTREAM')
  if made.err and not made.err:find('BUSYGROUP') then return made end
  redis.call('PEXPIRE', QUEUE, JOB_LIFETIME + RESULT_LIFETIME)
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', QUEUE, GROUP)) do
    local name, leases, idle = consumer[2], consumer[4], consumer[6]
    if leases == 0 and idle > CONSUMER_LIFETIME then redis.call('XGROUP', 'DELCONSUMER', QUEUE, GROUP, name) end
  end
  if restarted == '1' then notify('restarted') end
end

local function run(step, ...)
  -- At maxmemory, a script may begin to write only with a command that can free memory, and may write anything
  -- afterwards. Only new jobs need to be refused: all other steps lead to an emptier Redis.
  if not step:find('^submit') then redis.call('XACK', QUEUE, GROUP, '0-0') end
  local answer = steps[step](...)
  notify('step_over')
  return answer
end
