-- Pauses the work queue or lets it go on.
-- ARGV: 5 pause (1) or resume (0), 6 event body JSON
-- Answers: ok | done (it is so).
local answer = settled()
if answer then
    return answer
end
local pause = ARGV[5] == '1'
if pause == (redis.call('HEXISTS', meta, 'paused') == 1) then
    return { 'done' }
end
if pause then
    redis.call('HSET', meta, 'paused', now)
    append('queue.paused', ARGV[6])
else
    redis.call('HDEL', meta, 'paused')
    append('queue.resumed', ARGV[6])
end
return remember({ 'ok' })
