-- A device is let in. One that was let in under this key is answered again.
-- KEYS: 4 devices hash
-- ARGV: 5 device id, 6 its record JSON, 7 event body JSON, 8 devices at most
-- Answers: ok, its record | full (there are as many as may be).
local answer = settled()
if answer then
    return answer
end
if redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[8]) then
    return { 'full' }
end
redis.call('HSET', KEYS[4], ARGV[5], ARGV[6])
append('device.paired', ARGV[7])
return remember({ 'ok', ARGV[6] })
