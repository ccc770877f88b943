-- Every change of a job's state. One run of this script is one step, which Redis runs atomically by its own clock.
-- keys.py puts the names in capitals before this text; after it, the optional folders' Lua files and a call of `run`.
-- A step touches no other keys than those that keys.py declares for it: record and image of each of the step's jobs,
-- and the keys that all jobs share.

local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
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

local entries, images = {}, {} -- of jobs that end in this step; deleted when it is over, with one command for all
local accepted = false -- whether this step accepts a job

-- Gives an open job its terminal state. Only an open job gets one, so a terminal state never changes.
local function finish(job, status, ...)
  if not job.acknowledged then table.insert(entries, job.entry or redis.call('HGET', record_of(job.id), 'entry')) end
  if not job.keep_image then table.insert(images, image_of(job.id)) end
  local added = redis.call('HSET', record_of(job.id), 'status', status, 'finished_at', NOW, ...)
  if added == 2 + select('#', ...) / 2 then return redis.call('DEL', record_of(job.id)) end -- Redis had evicted it
  -- A record is stored for JOB_LIFETIME + RESULT_LIFETIME, which is enough unless the first is the longer one.
  if JOB_LIFETIME > RESULT_LIFETIME or status ~= 'done' then
    redis.call('PEXPIRE', record_of(job.id), RESULT_LIFETIME)
  end
  notify('ended', job, status)
end

-- Ends a job that will get no result. An action may set job.keep_image.
local function give_up(job, status, reason)
  notify('given_up', job, status, reason)
  finish(job, status, 'reason', reason)
end

local function is_open(status) return status == 'pending' or status == 'running' end

-- Returns the job if it is open, else nil. A job that has outlived its lifetime is ended first.
local function open_job(id)
  local status, accepted_at, expires_at, attempts, model = unpack(redis.call('HMGET', record_of(id),
    'status', 'accepted_at', 'expires_at', 'attempts', 'model')) -- the record begins with these
  if not is_open(status) then return nil end
  local job = {id = id, status = status, accepted_at = tonumber(accepted_at), expires_at = tonumber(expires_at),
    attempts = tonumber(attempts), model = model}
  if NOW < job.expires_at then return job end
  give_up(job, 'expired', 'no result within its lifetime')
end

-- Makes a job of `image`, or of an image that is already stored. Further arguments are fields and values of its record.
local function accept(id, image, ...)
  local lifetime = JOB_LIFETIME + RESULT_LIFETIME
  local size = image and #image or redis.call('STRLEN', image_of(id))
  local record = {'status', 'pending', 'accepted_at', NOW, 'expires_at', NOW + JOB_LIFETIME, 'attempts', 0, 'model', MODEL,
    'entry', redis.call('XADD', QUEUE, '*', 'job_id', id, 'size', size), 'queue', QUEUE, ...}
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

-- Returns the record as a list of fields and values, to which actions may add.
function steps.read(id)
  local job = open_job(id)
  local record = redis.call('HGETALL', record_of(id))
  if job then notify('read', job, record) end
  return record
end

-- Marks a job as running and returns it, or nil if it must not run.
local function start(id, entry, lapsed)
  local job = open_job(id)
  if not job then return table.insert(entries, entry) end
  job.entry = entry
  if job.status == 'running' and not lapsed then return nil end -- another consumer has claimed it meanwhile
  if job.model and job.model ~= MODEL then
    return give_up(job, 'failed', 'it is for the model ' .. job.model .. ', and its worker serves ' .. MODEL ..
      ': set another QUEUE for each model')
  end
  if job.attempts >= MAX_ATTEMPTS then
    local why = redis.call('HGET', record_of(id), 'retry_reason') or 'its worker went away'
    return give_up(job, 'failed', 'given up after ' .. job.attempts .. ' attempts: ' .. why)
  end
  redis.call('HSET', record_of(id), 'status', 'running', 'started_at', NOW, 'attempts', job.attempts + 1)
  notify('changed', job)
  return job
end

-- Starts jobs that a consumer has claimed; takes a JSON list of {id, entry}. Returns {place in the list, times} of those
-- that may run. To read the images here would cost three times as much of Redis's time for large ones.
function steps.start(lapsed, claimed)
  local batch, answer = {}, {}
  for place, pair in ipairs(cjson.decode(claimed)) do
    local job = start(pair[1], pair[2], lapsed == '1')
    if job then
      batch[#batch + 1] = job
      answer[#answer + 1] = {place, job.accepted_at, job.expires_at}
    end
  end
  if #batch > 0 then notify('claimed', batch, lapsed == '1') end
  return answer
end

-- Takes a JSON list of jobs: id, entry, two times; status; label and probability (done), or reason and ''.
function steps.finish(ended)
  local jobs, held = {}, {}
  for i, values in ipairs(cjson.decode(ended)) do
    local id, entry, accepted_at, expires_at, status, first, second = unpack(values)
    jobs[i] = {id = id, acknowledged = true, accepted_at = accepted_at, expires_at = expires_at, status = status,
      first = first, second = second}
    held[i] = entry
  end
  if #held == 0 then return end
  -- An entry leaves the group's pending list when its job ends. So if all are acknowledged now, all jobs are open.
  local all_open = redis.call('XACK', QUEUE, GROUP, unpack(held)) == #held
  redis.call('XDEL', QUEUE, unpack(held))
  for _, job in ipairs(jobs) do
    if not all_open and not is_open(redis.call('HGET', record_of(job.id), 'status')) then job.status = 'ended before' end
    if job.status ~= 'ended before' and NOW >= job.expires_at then open_job(job.id)
    elseif job.status == 'done' then finish(job, 'done', 'label', job.first, 'probability', job.second)
    elseif job.status == 'failed' then finish(job, 'failed', 'reason', job.first) end
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
      -- A job that was delivered but not started is still pending and did not have this attempt.
      local undone = job.status == 'running' and counted == '0' and 1 or 0
      redis.call('HSET', record_of(id), 'status', 'pending', 'retry_reason', reason, 'attempts', job.attempts - undone)
      notify('changed', job)
    elseif held[entry] then
      table.insert(entries, entry)
    end
  end
end

-- Makes the stream and its group, and drops consumers that are idle and hold no lease.
function steps.join(restarted)
  local made = redis.pcall('XGROUP', 'CREATE', QUEUE, GROUP, 0, 'MKSTREAM')
  if made.err and not made.err:find('BUSYGROUP') then return made end
  extend(QUEUE, JOB_LIFETIME + RESULT_LIFETIME)
  notify('joined', restarted == '1')
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', QUEUE, GROUP)) do
    local name, leases, idle = consumer[2], consumer[4], consumer[6]
    if leases == 0 and idle > CONSUMER_LIFETIME then redis.call('XGROUP', 'DELCONSUMER', QUEUE, GROUP, name) end
  end
end

local function run(step, ...)
  -- At maxmemory, a script may begin to write only with a command that can free memory, and may write anything
  -- afterwards. Only new jobs need to be refused: all other steps lead to an emptier Redis.
  if not step:find('^submit') and step ~= 'probe' then redis.call('XACK', QUEUE, GROUP, '0-0') end
  local answer = steps[step](...)
  if #entries > 0 then
    redis.call('XACK', QUEUE, GROUP, unpack(entries))
    redis.call('XDEL', QUEUE, unpack(entries))
  end
  if #images > 0 then redis.call('DEL', unpack(images)) end
  if accepted then extend(QUEUE, JOB_LIFETIME + RESULT_LIFETIME) end
  notify('step_over')
  return answer
end
