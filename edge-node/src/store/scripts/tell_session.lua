-- Tells of a sign-in, or of one that was refused; a session that has ended is kept among those until its last
-- token has run out.
-- KEYS: 4 ended sessions zset
-- ARGV: 5 kind, 6 event body JSON, 7 the session that ended or '', 8 when its last token has run out
-- (seconds since 1970)
-- Answers: ok.
local answer = settled()
if answer then
    return answer
end
if ARGV[7] ~= '' then
    redis.call('ZADD', KEYS[4], ARGV[8], ARGV[7])
end
append(ARGV[5], ARGV[6])
return remember({ 'ok' })
