-- Cancels a pending job. Returns its state before: only 'pending' was cancelled; '' is unknown.
function steps.cancel(id)
  local job = open_job(id)
  if not job then return redis.call('HGET', record_of(id), 'status') or '' end
  if job.status == 'pending' then finish(job, 'cancelled', 'reason', 'cancelled by a client') end
  return job.status
end
