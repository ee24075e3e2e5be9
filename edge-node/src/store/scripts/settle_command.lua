-- Reports what became of a command: what was found first, however often it is asked for, and no
-- more often than the operation's key is kept.
-- KEYS: 4 outcome of the command
-- ARGV: 5 event kind, 6 event body JSON, 7 seconds for which the outcome is kept
-- Answers: ok, event kind that was told.
local answer = settled()
if answer then
    return answer
end
local kind, body = ARGV[5], ARGV[6]
local kept = redis.call('GET', KEYS[4])
if kept then
    kind, body = unpack(cmsgpack.unpack(kept))
else
    redis.call('SET', KEYS[4], cmsgpack.pack({ kind, body }), 'EX', ARGV[7])
end
append(kind, body)
return remember({ 'ok', kind })
