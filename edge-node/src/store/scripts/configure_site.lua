-- Keeps the hub's settings for the site.
-- KEYS: 4 site hash
-- ARGV: 5 revision, 6 settings JSON
-- Answers: ok | same (they are kept).
local answer = settled()
if answer then
    return answer
end
if redis.call('HGET', KEYS[4], 'settings') == ARGV[6] then
    return { 'same' }
end
redis.call('HSET', KEYS[4], 'settings', ARGV[6])
append('site.configured', '{"revision":' .. ARGV[5] .. '}')
return { 'ok' }
