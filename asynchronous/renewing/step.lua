-- Renews the leases of a consumer for those of these entries that it still holds.
function steps.renew(consumer, ...)
  local known, held = {}, {}
  for _, entry in ipairs({...}) do known[entry] = true end
  for _, lease in ipairs(redis.call('XPENDING', QUEUE, GROUP, '-', '+', SCAN, consumer)) do
    if known[lease[1]] then held[#held + 1] = lease[1] end
  end
  if #held == 0 then return end
  table.insert(held, 'JUSTID')
  redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, unpack(held))
end
