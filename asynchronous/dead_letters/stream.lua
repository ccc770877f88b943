-- Each dead letter is an entry of the stream DEAD_LETTERS, and keeps the image of its job.

on('given_up', function(job, status, reason)
  job.keep_image = true
  while redis.call('XLEN', DEAD_LETTERS) >= MAX_DEAD_LETTERS do
    local oldest = redis.call('XRANGE', DEAD_LETTERS, '-', '+', 'COUNT', 1)[1]
    redis.call('DEL', oldest[2][2] .. IMAGE)
    redis.call('XDEL', DEAD_LETTERS, oldest[1])
  end
  redis.call('XADD', DEAD_LETTERS, 'MINID', NOW - DEAD_LETTER_LIFETIME, '*',
    'job_id', job.id, 'status', status, 'reason', reason, 'attempts', job.attempts)
  redis.call('PEXPIRE', DEAD_LETTERS, DEAD_LETTER_LIFETIME)
  redis.call('PEXPIRE', job.id .. IMAGE, DEAD_LETTER_LIFETIME)
end)

on('measured', function(gauges)
  table.insert(gauges, 'dead_letters')
  table.insert(gauges, redis.call('XLEN', DEAD_LETTERS))
end)

-- Makes a new job of a dead letter's image. The old job keeps its terminal state and names the new job.
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
