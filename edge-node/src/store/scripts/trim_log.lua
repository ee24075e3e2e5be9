-- Forgets the log up to a sequence that the hub has committed and retention has released.
-- ARGV: 5 epoch, 6 last sequence to forget, 7 the chain's value after it
-- Answers: ok, entries forgotten | superseded.
if redis.call('HGET', meta, 'epoch') ~= ARGV[5] then
    return { 'superseded' }
end
local bytes, entries = 0, redis.call('XRANGE', log, '-', ARGV[6] .. '-0')
for _, entry in ipairs(entries) do
    for i = 1, #entry[2], 2 do
        if entry[2][i] == 'b' then
            bytes = bytes + #entry[2][i + 1] + ENTRY_OVERHEAD
        end
    end
end
redis.call('XTRIM', log, 'MINID', string.format('%d', tonumber(ARGV[6]) + 1) .. '-0')
-- As text: a resend forgets nothing, and Lua writes that as -0.
redis.call('HINCRBY', meta, 'bytes', string.format('%d', -bytes))
redis.call('HSET', meta, 'anchor_seq', ARGV[6], 'anchor_chain', ARGV[7])
return { 'ok', tostring(#entries) }
