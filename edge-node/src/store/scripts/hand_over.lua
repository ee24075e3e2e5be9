-- Takes over the stock that the hub last knew of the box before, once: it is to be counted.
-- KEYS: 4 stock hash, 5 suspended set, 6 to-count set, 7 seeded set
-- ARGV: 5 what names the handover, 6.. triples of SKU, count ('' uncounted), suspended (0/1)
-- Answers: ok | known.
local stock, suspended, to_count, seeded = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local answer = settled()
if answer then
    return answer
end
if redis.call('HGET', meta, 'handover') == ARGV[5] then
    return { 'known' }
end
redis.call('HSET', meta, 'handover', ARGV[5])
local changes = {}
for i = 6, #ARGV, 3 do
    local sku, count, off = ARGV[i], ARGV[i + 1], ARGV[i + 2] == '1'
    local before = redis.call('HGET', stock, sku) or 0
    if count == '' then
        redis.call('HDEL', stock, sku)
    else
        redis.call('HSET', stock, sku, count)
    end
    redis.call('SADD', seeded, sku)
    redis.call('SADD', to_count, sku)
    if off then
        redis.call('SADD', suspended, sku)
    end
    local delta = string.format('%d', tonumber(count ~= '' and count or 0) - tonumber(before))
    table.insert(changes, stock_change(sku, delta, count ~= '' and count or nil, off))
end
append('stock.adjusted', '{"stock":[' .. table.concat(changes, ',') .. '],"by":' .. by
    .. ',"reason":"handover, to be counted"}')
return remember({ 'ok' })
