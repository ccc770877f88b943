-- Renews all leases of a consumer.
function steps.renew(consumer)
  local held = {}
  for _, lease in ipairs(redis.call('XPENDING', QUEUE, GROUP, '-', '+', SCAN, consumer)) do
    held[#held + 1] = lease[1]
  end
  if #held == 0 then return end
  table.insert(held, 'JUSTID')
  redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, unpack(held))
end
