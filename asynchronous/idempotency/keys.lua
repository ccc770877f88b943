-- Returns the job's id; the id of an earlier job if `key` was used before for the same image; 'full' or 'conflict'.
function steps.submit_with_key(id, image, key, fingerprint)
  local first, its_fingerprint = unpack(redis.call('HMGET', key .. KEY, 'job_id', 'fingerprint'))
  if first and redis.call('EXISTS', first .. RECORD) == 1 then
    return its_fingerprint == fingerprint and first or 'conflict'
  end
  local answer = steps.submit(id, image)[1]
  if answer == id then
    redis.call('HSET', key .. KEY, 'job_id', id, 'fingerprint', fingerprint)
    redis.call('PEXPIRE', key .. KEY, JOB_LIFETIME + RESULT_LIFETIME)
  end
  return answer
end
