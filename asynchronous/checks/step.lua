-- Tries what a job needs.

-- Fails if this user may not run one of these commands on `key`. Arguments before the key follow the command after `|`.
-- `need` changes nothing, so it also checks what only workers do. Redis 6 and some other servers cannot tell.
local function need(commands, key)
  if not redis.acl_check_cmd then return end
  for command in commands:gmatch('%S+') do
    local words = {}
    for word in command:gmatch('[^|]+') do words[#words + 1] = word end
    local first, known, allowed = #words, false, false
    for i = 1, 5 do words[first + i] = key end
    for _, count in ipairs({2, 1, 3, 4, 5}) do -- some servers fail on a wrong number of arguments
      if not known then known, allowed = pcall(redis.acl_check_cmd, unpack(words, 1, first + count)) end
    end
    if not known then error({err = 'ERR unknown command ' .. command}) end
    if not allowed then error({err = 'NOPERM this user may not run ' .. command .. ' on ' .. key}) end
  end
end

-- Fails if the entries of the stream are another application's.
local function own(stream)
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if first and first[2][1] ~= 'job_id' then error({err = 'WRONGTYPE the entries of ' .. stream .. ' are not jobs'}) end
end

on('needed', function(_, id)
  need('HSET HGET HMGET HGETALL EXISTS DEL PEXPIRE', record_of(id))
  need('SET MGET EXISTS DEL PEXPIRE', image_of(id))
  need('XADD XLEN XDEL XACK XPENDING XCLAIM XRANGE PEXPIRE', QUEUE)
  need('HSET HGET HDEL DEL PEXPIRE', RUNNING)
  need('XGROUP|CREATE XGROUP|DELCONSUMER XINFO|CONSUMERS XREADGROUP|GROUP|' .. GROUP .. '|name|STREAMS', QUEUE)
  redis.call('HGET', RUNNING, '') -- fails if it is of another type
  own(QUEUE)
end)

on('joined', function() notify('needed', need, '0', own) end) -- a worker starts, or Redis was away

-- Runs the commands that accept a job, on a job that does not exist afterwards.
function steps.probe(id)
  notify('needed', need, id, own)
  local entry = redis.call('XADD', QUEUE, '*', 'job_id', id)
  redis.call('XDEL', QUEUE, entry)
  extend(QUEUE, JOB_LIFETIME + RESULT_LIFETIME)
  redis.call('SET', image_of(id), '')
  redis.call('HSET', record_of(id), 'status', 'probe')
  redis.call('HMGET', record_of(id), 'status')
  redis.call('HGETALL', record_of(id))
  redis.call('DEL', record_of(id), image_of(id))
end
