-- Puts a job that failed for good among the dead letters, once.
-- KEYS: 4 dead jobs hash, 5 places zset, 6 tries of the job
-- ARGV: 5 job, 6 letter JSON, 7 event body JSON, 8 letters kept at most
-- Answers: ok | done (it is among them).
local dead, places = KEYS[4], KEYS[5]
local job = ARGV[5]

local answer = settled()
if answer then
    return answer
end
if redis.call('HSETNX', dead, job, ARGV[6]) == 0 then
    return { 'done' }
end
redis.call('ZADD', places, redis.call('HINCRBY', meta, 'dead', 1), job)
redis.call('DEL', KEYS[6])
if redis.call('ZCARD', places) > tonumber(ARGV[8]) then
    -- The log still tells of it.
    redis.call('HDEL', dead, redis.call('ZPOPMIN', places)[1])
end
append('job.dead', ARGV[7])
return { 'ok' }
