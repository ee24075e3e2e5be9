-- Tells once that a menu was not taken, and why.
-- KEYS: 4 menu hash
-- ARGV: 5 print of what was refused and why, 6 event body JSON
-- Answers: ok | same (it was told).
local answer = settled()
if answer then
    return answer
end
if redis.call('HGET', KEYS[4], 'refused') == ARGV[5] then
    return { 'same' }
end
redis.call('HSET', KEYS[4], 'refused', ARGV[5])
append('menu.refused', ARGV[6])
return { 'ok' }
