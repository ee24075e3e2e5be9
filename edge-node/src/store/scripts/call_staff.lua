-- A guest at a device asks for somebody of the staff. One call of a device is open at a time: a
-- further one changes nothing and is not kept, so that no device can fill the log.
-- KEYS: 4 calls hash
-- ARGV: 5 device, 6 event body JSON
-- Answers: ok, since when the call is open.
local answer = settled()
if answer then
    return answer
end
local since = redis.call('HGET', KEYS[4], ARGV[5])
if since then
    return { 'ok', since }
end
redis.call('HSET', KEYS[4], ARGV[5], now)
append('staff.called', ARGV[6])
return remember({ 'ok', now })
