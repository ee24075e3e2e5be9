-- Takes a job out of the dead letters for good.
-- KEYS: 4 dead jobs hash, 5 places zset, 6 tries of the job
-- ARGV: 5 job, 6 event body JSON
-- Answers: ok | missing.
local answer = settled()
if answer then
    return answer
end
if redis.call('HDEL', KEYS[4], ARGV[5]) == 0 then
    return { 'missing' }
end
redis.call('ZREM', KEYS[5], ARGV[5])
redis.call('DEL', KEYS[6])
append('job.discarded', ARGV[6])
return remember({ 'ok' })
