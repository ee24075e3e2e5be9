-- Somebody tries to sign in. The try counts before it is known how it ends, so that many at once are no more
-- than one after the other; after so many the next ones wait, each time twice as long.
-- KEYS: 4 tries hash
-- ARGV: 5 tries that are free, 6 first wait (ms), 7 longest wait (ms), 8 seconds until it is forgotten, 9 now
-- (ms since 1970)
-- Answers: ok, how long nobody may try after this one (ms; 0 for no wait) | locked, how long still (ms).
local answer = settled()
if answer then
    return answer
end
local now_ms, longest = tonumber(ARGV[9]), tonumber(ARGV[7])
local till = tonumber(redis.call('HGET', KEYS[4], 'until') or 0)
-- A clock that was set back must lock nobody out for longer.
if now_ms < till and till - now_ms <= longest then
    return { 'locked', string.format('%.0f', till - now_ms) }
end
local tries, wait = redis.call('HINCRBY', KEYS[4], 'tries', 1), 0
if tries >= tonumber(ARGV[5]) then
    wait = math.min(tonumber(ARGV[6]) * 2 ^ math.min(tries - tonumber(ARGV[5]), 30), longest)
    redis.call('HSET', KEYS[4], 'until', string.format('%.0f', now_ms + wait))
end
redis.call('EXPIRE', KEYS[4], ARGV[8])
return remember({ 'ok', string.format('%.0f', wait) })
