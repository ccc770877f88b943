-- What wrk sends, and its result as one line of JSON. Times in microseconds, as wrk has them.
local path = os.getenv("LOAD_BODY")
if path then
  wrk.method = "POST"
  wrk.body = assert(io.open(path, "rb")):read("*a")
  wrk.headers["Content-Type"] = os.getenv("LOAD_TYPE")
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
