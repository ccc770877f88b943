on('needed', function(need, id) need('HGET HMGET HSET PEXPIRE', PREFIX .. id .. KEY) end)

-- Takes the key's hash, and the job that the caller has found there. Returns the job's id; the id of an earlier job if
-- the key was used before for the same image; 'full', 'conflict', or 'again' if the key now belongs to another job.
function steps.submit_with_key(id, image, fields, key, fingerprint, expected)
  local first, its_fingerprint = unpack(redis.call('HMGET', key, 'job_id', 'fingerprint'))
  if (first or '') ~= expected then return 'again' end
  if first and redis.call('EXISTS', record_of(first)) == 1 then
    return its_fingerprint == fingerprint and first or 'conflict'
  end
  local answer = steps.submit(id, image, fields)[1]
  if answer == id then
    redis.call('HSET', key, 'job_id', id, 'fingerprint', fingerprint)
    redis.call('PEXPIRE', key, JOB_LIFETIME + RESULT_LIFETIME)
  end
  return answer
end
