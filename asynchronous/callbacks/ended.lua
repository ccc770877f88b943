-- Appends the jobs that end in a step to the stream ENDED_JOBS, and keeps the jobs that callbacks/ delivers.

local ENDED_LIFETIME = JOB_LIFETIME + RESULT_LIFETIME -- as long as a record: afterwards there is nothing to deliver
local ends = {}

on('ended', function(job, status) ends[#ends + 1], ends[#ends + 2] = job.id, status end)

-- A job that is made from a dead letter takes over the callback URL of the dead letter's job.
on('accepted', function(record)
  for i = #record - 1, 1, -2 do
    local url = record[i] == 'replay_of' and redis.call('HGET', record_of(record[i + 1]), URL_FIELD)
    if url then
      table.insert(record, URL_FIELD)
      table.insert(record, url)
    end
  end
end)

-- Lengthens the lifetime of a stream and trims it: an entry is kept for `lifetime` at least, and twice as long at most.
-- Programs with longer lifetimes may share the stream. Its own lifetime is twice that of its entries. If this program
-- could lengthen it, entries older than twice `lifetime` are older than any program needs.
local function renew(stream, lifetime)
  if extend(stream, 2 * lifetime) then redis.call('XTRIM', stream, 'MINID', '~', math.max(0, NOW - 2 * lifetime)) end
end

on('step_over', function()
  if #ends == 0 then return end
  redis.call('XADD', ENDED_JOBS, '*', unpack(ends))
  renew(ENDED_JOBS, ENDED_LIFETIME)
end)

on('needed', function(need, id, own)
  need('XADD XLEN XTRIM XACK PEXPIRE XGROUP|CREATE XREADGROUP|GROUP|' .. CALLBACK_GROUP .. '|name|STREAMS', ENDED_JOBS)
  need('ZADD ZRANGEBYSCORE ZREM ZSCORE', CALLBACKS)
  need('XADD XLEN XDEL XTRIM XRANGE PEXPIRE', UNDELIVERED)
  need('HEXISTS', record_of(id))
  redis.call('XLEN', ENDED_JOBS) -- these fail if a key is of another type
  redis.call('ZSCORE', CALLBACKS, '')
  own(UNDELIVERED)
end)

-- Makes the group that reads the stream.
function steps.callbacks_join()
  local made = redis.pcall('XGROUP', 'CREATE', ENDED_JOBS, CALLBACK_GROUP, 0, 'MKSTREAM')
  if made.err and not made.err:find('BUSYGROUP') then return made end
  extend(ENDED_JOBS, ENDED_LIFETIME)
end

-- Schedules those of an entry's jobs that were posted with a URL.
function steps.callbacks_schedule(entry, ...)
  if redis.call('XACK', ENDED_JOBS, CALLBACK_GROUP, entry) == 0 then return end
  for _, id in ipairs({...}) do
    if redis.call('HEXISTS', record_of(id), URL_FIELD) == 1 then redis.call('ZADD', CALLBACKS, NOW, id) end
  end
end

-- Returns up to `count` jobs that are due; no other caller gets them for CALLBACK_LEASE.
function steps.callbacks_due(count)
  local ids = redis.call('ZRANGEBYSCORE', CALLBACKS, '-inf', NOW, 'LIMIT', 0, count)
  for _, id in ipairs(ids) do redis.call('ZADD', CALLBACKS, 'XX', NOW + CALLBACK_LEASE, id) end
  return ids
end

function steps.callbacks_postpone(id, pause)
  redis.call('ZADD', CALLBACKS, 'XX', NOW + pause, id)
end

local function note(id, ...)
  if redis.call('EXISTS', record_of(id)) == 1 then redis.call('HSET', record_of(id), ...) end
end

function steps.callbacks_delivered(id)
  if redis.call('ZREM', CALLBACKS, id) == 1 then notify('callback', 'delivered') end
  note(id, 'callback', 'delivered')
end

-- Notes a failure; the next attempt follows after `pause`. If `pause` is '', the delivery is given up.
function steps.callbacks_failed(id, attempts, reason, pause)
  if redis.call('ZSCORE', CALLBACKS, id) == false then return end -- another program has ended it meanwhile
  note(id, 'callback', 'failed', 'callback_attempts', attempts, 'callback_reason', reason)
  notify('callback', pause == '' and 'dead' or 'retried')
  if pause ~= '' then return steps.callbacks_postpone(id, pause) end
  redis.call('ZREM', CALLBACKS, id)
  redis.call('XADD', UNDELIVERED, '*', 'job_id', id, 'attempts', attempts, 'reason', reason)
  renew(UNDELIVERED, UNDELIVERED_LIFETIME)
end

-- Schedules a job again whose delivery was given up.
function steps.callbacks_retry(entry, id)
  if redis.call('XDEL', UNDELIVERED, entry) == 0 or redis.call('EXISTS', record_of(id)) == 0 then return 'gone' end
  redis.call('HSET', record_of(id), 'callback_attempts', 0)
  redis.call('ZADD', CALLBACKS, NOW, id)
  return id
end
