-- Gives a new store its epoch, and SKUs that were never seeded their first count.
-- KEYS[4] stock hash, KEYS[5] seeded set; ARGV[5] new epoch, ARGV[6..] pairs of SKU and count.
-- Answers: ok, epoch, seq.
local stock, seeded = KEYS[4], KEYS[5]
if redis.call('HSETNX', meta, 'epoch', ARGV[5]) == 1 then
    redis.call('HSET', meta, 'seq', 0, 'bytes', 0)
    append('epoch.started', '{"epoch":"' .. ARGV[5] .. '","previous":null,"reason":"born"}')
end
for i = 6, #ARGV, 2 do
    local sku, count = ARGV[i], ARGV[i + 1]
    if redis.call('SADD', seeded, sku) == 1 and redis.call('HSETNX', stock, sku, count) == 1 then
        append('stock.adjusted', '{"stock":[' .. stock_change(sku, count, count, false)
            .. '],"by":' .. by .. ',"reason":"seed"}')
    end
end
return { 'ok', redis.call('HGET', meta, 'epoch'), tostring(redis.call('HGET', meta, 'seq')) }
