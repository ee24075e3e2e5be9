-- Closes the site for a time or opens it again.
-- KEYS: 4 site hash
-- ARGV: 5 what it is closed for as JSON, '' to open it, 6 event body JSON
-- Answers: ok.
local answer = settled()
if answer then
    return answer
end
if ARGV[5] ~= '' then
    redis.call('HSET', KEYS[4], 'closed', ARGV[5])
    append('site.closed', ARGV[6])
elseif redis.call('HDEL', KEYS[4], 'closed') == 1 then
    append('site.opened', ARGV[6])
end
return remember({ 'ok' })
