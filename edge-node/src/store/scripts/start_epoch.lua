-- Begins a new life of the store, because the hub knows another history than ours: events from
-- `first` on, which the hub does not have, are told again in the new epoch.
-- KEYS: 4 where the old log is kept, 5 cursor of the hub reader
-- ARGV: 5 the epoch that ends, 6 the new epoch, 7 first sequence to tell again, 8 reason,
--       9 seconds for which the old log is kept
-- Answers: ok, epoch | superseded, epoch.
local current = redis.call('HGET', meta, 'epoch')
if current ~= ARGV[5] then
    return { 'superseded', current or '' }
end
local again = redis.call('XRANGE', log, ARGV[7] .. '-0', '+')
if redis.call('EXISTS', log) == 1 then
    redis.call('RENAME', log, KEYS[4])
    redis.call('EXPIRE', KEYS[4], ARGV[9])
end
redis.call('HSET', meta, 'epoch', ARGV[6], 'seq', 0, 'bytes', 0)
redis.call('HDEL', meta, 'anchor_seq', 'anchor_chain')
redis.call('DEL', KEYS[5])
append('epoch.started', '{"epoch":"' .. ARGV[6] .. '","previous":"' .. ARGV[5] .. '","reason":"'
    .. ARGV[8] .. '"}')
for _, entry in ipairs(again) do
    local fields = {}
    for i = 1, #entry[2], 2 do
        fields[entry[2][i]] = entry[2][i + 1]
    end
    append(fields.k, fields.b, fields.t)
end
return { 'ok', ARGV[6] }
