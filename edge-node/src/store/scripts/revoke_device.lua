-- A device is let in no more: its tokens are refused until the last of them has run out.
-- KEYS: 4 devices hash, 5 last seen hash, 6 ended sessions zset
-- ARGV: 5 device id, 6 event body JSON, 7 when its last token has run out (seconds since 1970),
--   8 '1' when a device that is not known here is refused as well
-- Answers: ok | missing (there is no such device).
local answer = settled()
if answer then
    return answer
end
if redis.call('HDEL', KEYS[4], ARGV[5]) == 0 and ARGV[8] ~= '1' then
    return { 'missing' }
end
redis.call('HDEL', KEYS[5], ARGV[5])
redis.call('ZADD', KEYS[6], ARGV[7], ARGV[5])
append('device.revoked', ARGV[6])
return remember({ 'ok' })
