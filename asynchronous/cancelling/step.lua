-- Cancels a pending job. Returns 'pending' if it cancelled the job, else the job's state, or '' for an unknown job.
function steps.cancel(id)
  local job = open_job(id)
  if not job then return redis.call('HGET', record_of(id), 'status') or '' end
  if job.status == 'pending' then finish(job, 'cancelled', 'reason', 'cancelled by a client') end
  return job.status
end
