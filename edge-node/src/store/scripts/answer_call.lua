-- Somebody of the staff has seen to the call of a device.
-- KEYS: 4 calls hash
-- ARGV: 5 device, 6 event body JSON
-- Answers: ok | missing (it has no open call).
local answer = settled()
if answer then
    return answer
end
if redis.call('HDEL', KEYS[4], ARGV[5]) == 0 then
    return { 'missing' }
end
append('staff.answered', ARGV[6])
return remember({ 'ok' })
