-- Notes that a ticket is on paper: it never goes to this printer again.
-- KEYS: 4 mark of this ticket at this printer, 5 failed tries of the job
-- ARGV: 5 life of the mark seconds
-- Answers: ok.
local answer = settled()
if answer then
    return answer
end
redis.call('DEL', KEYS[5])
redis.call('SET', KEYS[4], 'printed', 'EX', ARGV[5])
return { 'ok' }
