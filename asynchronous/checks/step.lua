-- Tries every command that a job needs, on a job that does not exist afterwards.
function steps.probe(id)
  local entry = redis.call('XADD', QUEUE, '*', 'job_id', id)
  redis.call('XDEL', QUEUE, entry)
  extend(QUEUE, JOB_LIFETIME + RESULT_LIFETIME)
  redis.call('SET', image_of(id), '')
  redis.call('HSET', record_of(id), 'status', 'probe')
  redis.call('HMGET', record_of(id), 'status')
  redis.call('HGETALL', record_of(id))
  redis.call('DEL', record_of(id), image_of(id))
  notify('probed')
end
