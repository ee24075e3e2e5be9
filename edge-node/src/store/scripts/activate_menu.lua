-- Makes a menu the one that the site sells by, with its low-stock marks, and keeps it for the
-- next start.
-- KEYS: 4 menu hash
-- ARGV: 5 version, 6 hash, 7 origin ('seed' or 'hub:' and the menu's code), 8 menu JSON,
--       9 event body JSON
-- Answers: ok | same (it is so).
local answer = settled()
if answer then
    return answer
end
local version, hash, origin = unpack(redis.call('HMGET', KEYS[4], 'version', 'hash', 'origin'))
if version == ARGV[5] and hash == ARGV[6] and origin == ARGV[7] then
    return { 'same' }
end
redis.call('HSET', KEYS[4], 'version', ARGV[5], 'hash', ARGV[6], 'origin', ARGV[7],
    'menu', ARGV[8])
redis.call('HDEL', KEYS[4], 'refused')
for _, field in ipairs(redis.call('HKEYS', meta)) do
    if string.sub(field, 1, 9) == 'menu-low:' then
        redis.call('HDEL', meta, field)
    end
end
for sku, known in pairs(cjson.decode(ARGV[8]).skus or {}) do
    if type(known.low_mark) == 'number' then
        redis.call('HSET', meta, 'menu-low:' .. sku, string.format('%d', known.low_mark))
    end
end
append('menu.activated', ARGV[9])
return { 'ok' }
