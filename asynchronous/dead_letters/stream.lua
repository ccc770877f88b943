-- Each dead letter is an entry of the stream DEAD_LETTERS, and keeps the image of its job.

-- Jobs that have not ended have priority: when more than half of Redis's memory is used, no more images are kept.
local function memory_is_scarce()
  local memory = redis.pcall('INFO', 'memory')
  if type(memory) ~= 'string' then return false end -- this user may not run INFO
  local most = tonumber(memory:match('\nmaxmemory:(%d+)')) or 0
  return most > 0 and 2 * tonumber(memory:match('\nused_memory:(%d+)')) > most
end

-- Deletes those of the 100 oldest dead letters whose lifetime is over. Each has its own lifetime, because programs with
-- other settings share the stream.
local function drop_old()
  for _, letter in ipairs(redis.call('XRANGE', DEAD_LETTERS, '-', '+', 'COUNT', 100)) do
    local id, fields = unpack(letter)
    local kept_until = tonumber(fields[10]) or id:match('%d+') + DEAD_LETTER_LIFETIME -- an old version lacks it
    if kept_until <= NOW then redis.call('XDEL', DEAD_LETTERS, id) end
  end
end

on('given_up', function(job, status, reason)
  if memory_is_scarce() then return end
  drop_old()
  if redis.call('XLEN', DEAD_LETTERS) >= MAX_DEAD_LETTERS then return end
  job.keep_image = true
  redis.call('XADD', DEAD_LETTERS, '*', 'job_id', job.id, 'status', status, 'reason', reason, 'attempts', job.attempts,
    'kept_until', NOW + DEAD_LETTER_LIFETIME)
  extend(DEAD_LETTERS, DEAD_LETTER_LIFETIME)
  redis.call('PEXPIRE', image_of(job.id), DEAD_LETTER_LIFETIME)
end)

on('needed', function(need, id, own)
  need('XADD XLEN XRANGE XDEL PEXPIRE', DEAD_LETTERS)
  need('STRLEN RENAME PEXPIRE', image_of(id))
  own(DEAD_LETTERS)
end)

on('measured', function(gauges)
  table.insert(gauges, 'dead_letters')
  table.insert(gauges, redis.call('XLEN', DEAD_LETTERS))
end)

-- Makes a new job from a dead letter's image. The old job keeps its terminal state and names the new job.
function steps.replay(letter, old, id)
  if redis.call('EXISTS', record_of(id)) == 1 then return id end -- sent again because the first answer was lost
  local found = redis.call('XRANGE', DEAD_LETTERS, letter, letter)[1]
  if not found or redis.call('EXISTS', image_of(old)) == 0 then return 'gone' end
  if redis.call('XLEN', QUEUE) >= MAX_QUEUED_JOBS then return 'full' end
  redis.call('RENAME', image_of(old), image_of(id))
  accept(id, nil, 'replay_of', old)
  redis.call('XDEL', DEAD_LETTERS, letter)
  if redis.call('EXISTS', record_of(old)) == 1 then redis.call('HSET', record_of(old), 'replayed_as', id) end
  return id
end

function steps.drop(letter, id)
  if redis.call('XDEL', DEAD_LETTERS, letter) == 0 then return 'gone' end
  redis.call('DEL', image_of(id))
  return id
end
