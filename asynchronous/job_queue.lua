-- Every change of a job's state. One run of this script is one step, which Redis runs atomically by its own clock.
-- keys.py prepends the names in capitals, and appends the optional folders' Lua files and a call of `run`.
-- A step touches only the keys that keys.py declares for it: record and image of each of its jobs, and the shared keys.
-- A job runs if the consumer that holds its entry lists it in RUNNING. Its record stays pending until the job ends.

local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
local NOW_TEXT = tostring(NOW) -- converted once: each command would convert the number again
local SCAN = 1000 -- entries examined in one step at most

local steps = {}

local actions = {} -- for events; optional folders add actions, and steps of their own

local function on(event, action)
  actions[event] = actions[event] or {}
  table.insert(actions[event], action)
end

local function notify(event, ...)
  for _, action in ipairs(actions[event] or {}) do action(...) end
end

-- Lengthens the lifetime of a key, and returns whether it was shorter. It is never shortened: programs with other
-- settings share the key and its jobs.
local function extend(key, lifetime)
  return redis.call('PEXPIRE', key, lifetime, 'GT') == 1 or redis.call('PEXPIRE', key, lifetime, 'NX') == 1
end

local function record_of(id) return PREFIX .. id .. RECORD end
local function image_of(id) return PREFIX .. id .. IMAGE end

local entries, images = {}, {} -- of jobs that end in this step, in the queue's order; deleted together at its end
local acknowledged -- how many of them had a lease, if a step has acknowledged them itself
local accepted = false -- whether this step accepts a job

-- Gives an open job its terminal state. Only an open job gets one, so a terminal state never changes.
local function finish(job, status, ...)
  local record = record_of(job.id)
  entries[#entries + 1] = job.entry
  if not job.keep_image then images[#images + 1] = image_of(job.id) end
  local added = redis.call('HSET', record, 'status', status, 'finished_at', NOW_TEXT, 'attempts', job.attempts, ...)
  if added == 3 + select('#', ...) / 2 then return redis.call('DEL', record) end -- Redis had evicted it
  -- A record is stored for JOB_LIFETIME + RESULT_LIFETIME: enough for a done job, but too long if the first is longer.
  if JOB_LIFETIME > RESULT_LIFETIME or status ~= 'done' then
    redis.call('PEXPIRE', record, RESULT_LIFETIME)
  end
  notify('ended', job, status)
end

-- Ends a job that will get no result. An action may set job.keep_image.
local function give_up(job, status, reason)
  notify('given_up', job, status, reason)
  finish(job, status, 'reason', reason, unpack(job.started_at and {'started_at', job.started_at} or {}))
end

local function expire(job) give_up(job, 'expired', 'no result within its lifetime') end

-- Starts a consumer's batch. Actions learn how many jobs it has, and whether their leases had lapsed.
local function run_batch(consumer, ids, count, lapsed)
  redis.call('HSET', RUNNING, consumer, NOW .. ' ' .. ids)
  extend(RUNNING, JOB_LIFETIME + RESULT_LIFETIME)
  notify('started', ids, count, lapsed)
end

-- Returns the job if it is open, else nil. A job that has outlived its lifetime is ended first.
local function open_job(id)
  local status, accepted_at, expires_at, attempts, model, entry = unpack(redis.call('HMGET', record_of(id),
    'status', 'accepted_at', 'expires_at', 'attempts', 'model', 'entry')) -- the record begins with these
  if status ~= 'pending' then return nil end
  local lease = redis.pcall('XPENDING', QUEUE, GROUP, entry, entry, 1)[1] or {} -- an error if no worker has ever joined
  local job = {id = id, status = status, accepted_at = tonumber(accepted_at), expires_at = tonumber(expires_at),
    attempts = tonumber(attempts), model = model, entry = entry, holder = lease[2], idle = lease[3]}
  local batch = job.holder and redis.call('HGET', RUNNING, job.holder)
  if batch and batch:find(id, 1, true) then
    job.status, job.attempts, job.started_at = 'running', job.attempts + 1, batch:match('%d+')
  end
  if NOW < job.expires_at then return job end
  expire(job)
end

-- Accepts a job with `image`, or with an image already stored. Further arguments are fields and values of its record.
local function accept(id, image, ...)
  local lifetime = JOB_LIFETIME + RESULT_LIFETIME
  local size, expires_at = image and #image or redis.call('STRLEN', image_of(id)), NOW + JOB_LIFETIME
  local entry = redis.call('XADD', QUEUE, '*', 'job_id', id, 'size', size, 'expires_at', expires_at, 'model', MODEL)
  local record = {'status', 'pending', 'accepted_at', NOW, 'expires_at', expires_at, 'attempts', 0, 'model', MODEL,
    'entry', entry, 'queue', QUEUE, ...}
  if image then redis.call('SET', image_of(id), image, 'PX', lifetime)
  else redis.call('PEXPIRE', image_of(id), lifetime) end
  notify('accepted', record)
  redis.call('HSET', record_of(id), unpack(record))
  redis.call('PEXPIRE', record_of(id), lifetime)
  accepted = true
end

-- Takes an id, an image, and more fields of the record (a JSON list or '') for each job; returns the id or 'full' for each.
function steps.submit(...)
  local answers, names, args = {}, {}, {...}
  for i = 1, #args, 3 do names[#names + 1] = record_of(args[i]) end
  local some_known, room = redis.call('EXISTS', unpack(names)) > 0, MAX_QUEUED_JOBS - redis.call('XLEN', QUEUE)
  for i = 1, #args, 3 do
    local id, image, fields = args[i], args[i + 1], args[i + 2]
    -- A job is sent again if the first answer was lost.
    local known = some_known and redis.call('EXISTS', record_of(id)) == 1
    if not known and room > 0 then
      accept(id, image, unpack(fields == '' and {} or cjson.decode(fields)))
      room = room - 1
    elseif not known then
      id = 'full'
    end
    answers[#answers + 1] = id
  end
  return answers
end

-- Returns the record as a list of fields and values; of a field that occurs twice, the last value counts.
function steps.read(id)
  local job = open_job(id)
  local record = redis.call('HGETALL', record_of(id))
  local running = job and job.started_at and {'status', job.status, 'attempts', job.attempts, 'started_at', job.started_at}
  for _, value in ipairs(running or {}) do table.insert(record, value) end
  if job then notify('read', job, record) end
  return record
end

-- Returns the job if it may run, else nil. The consumer holds its entry, or claims it now that its lease has lapsed.
local function job_to_start(id, entry, consumer, lapsed)
  local job, why = open_job(id), nil
  if not job or job.entry ~= entry then return table.insert(entries, entry) end
  if not lapsed and job.holder ~= consumer or lapsed and (job.idle or 0) < LEASE then return nil end
  if job.model ~= MODEL then
    why = 'it is for the model ' .. job.model .. ', and its worker serves ' .. MODEL .. ': set another QUEUE for each model'
  elseif job.attempts >= MAX_ATTEMPTS then
    local last = redis.call('HGET', record_of(id), 'retry_reason') or 'its worker went away'
    why = 'given up after ' .. job.attempts .. ' attempts: ' .. last
  end
  if why then return give_up(job, 'failed', why) end
  redis.call('HSET', record_of(id), 'attempts', job.attempts)
  if lapsed then redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, entry, 'JUSTID') end
  return job
end

-- Starts new entries' jobs, or one job with a lapsed lease; takes a JSON list of {id, entry}. Returns {place in the list,
-- start, attempts, end of the lifetime} of those that run.
function steps.start(consumer, lapsed, claimed)
  local ids, answer = {}, {}
  for place, pair in ipairs(cjson.decode(claimed)) do
    local job = job_to_start(pair[1], pair[2], consumer, lapsed == '1')
    if job then ids[#ids + 1], answer[#answer + 1] = job.id, {place, NOW, job.attempts + 1, job.expires_at} end
  end
  if #ids > 0 then run_batch(consumer, table.concat(ids, ' '), #ids, lapsed == '1') end
  return answer
end

-- Takes a JSON list of jobs: id, entry, start, attempts, status, and fields and values of the result.
function steps.finish(ended)
  for _, values in ipairs(cjson.decode(ended)) do
    local id, entry, started_at, attempts, status = unpack(values, 1, 5)
    local job = open_job(id)
    if job then
      job.attempts = math.max(job.attempts, attempts)
      finish(job, status, 'started_at', job.started_at or started_at, unpack(values, 6))
    else table.insert(entries, entry) end
  end
end

-- Releases jobs that `consumer` holds, for any worker to claim at once; takes an entry and an id for each. An attempt
-- counts only if the job may have caused its failure.
function steps.release(consumer, counted, reason, ...)
  local held = {}
  for _, lease in ipairs(redis.call('XPENDING', QUEUE, GROUP, '-', '+', SCAN, consumer)) do held[lease[1]] = true end
  for i = 1, select('#', ...), 2 do
    local entry, id = select(i, ...)
    local job = held[entry] and open_job(id)
    if job then
      redis.call('XCLAIM', QUEUE, GROUP, NO_CONSUMER, 0, entry, 'IDLE', LEASE, 'JUSTID')
      local attempts = job.attempts - (job.started_at and counted == '0' and 1 or 0)
      redis.call('HSET', record_of(id), 'retry_reason', reason, 'attempts', attempts)
      if job.started_at then redis.call('HSET', record_of(id), 'started_at', job.started_at) end
      notify('changed', job)
    elseif held[entry] then table.insert(entries, entry) end
  end
end

-- Makes the stream and its group, and drops consumers that are idle and hold no lease.
function steps.join(restarted)
  notify('joined', restarted == '1')
  local made = redis.pcall('XGROUP', 'CREATE', QUEUE, GROUP, 0, 'MKSTREAM')
  if made.err and not made.err:find('BUSYGROUP') then return made end
  extend(QUEUE, JOB_LIFETIME + RESULT_LIFETIME)
  if not made.err then redis.call('DEL', RUNNING) end -- no consumer holds an entry in a new group
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', QUEUE, GROUP)) do
    local name, leases, idle = consumer[2], consumer[4], consumer[6]
    if leases == 0 and idle > CONSUMER_LIFETIME then
      redis.call('XGROUP', 'DELCONSUMER', QUEUE, GROUP, name)
      redis.call('HDEL', RUNNING, name)
    end
  end
end

local function run(step, ...)
  -- At maxmemory, a script may begin to write only with a command that can free memory, and may write anything
  -- afterwards. Only new jobs need to be refused: all other steps free memory in the end.
  if not step:find('^submit') and step ~= 'probe' then redis.call('XACK', QUEUE, GROUP, '0-0') end
  local answer = steps[step](...)
  if #entries > 0 then
    notify('acknowledged', acknowledged or redis.call('XACK', QUEUE, GROUP, unpack(entries)))
    redis.call('XDEL', QUEUE, unpack(entries))
  end
  if #images > 0 then redis.call('DEL', unpack(images)) end
  if accepted then extend(QUEUE, JOB_LIFETIME + RESULT_LIFETIME) end
  notify('step_over')
  return answer
end
