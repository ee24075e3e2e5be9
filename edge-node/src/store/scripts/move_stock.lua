-- Changes what is at hand of one SKU.
-- KEYS: 4 stock hash, 5 suspended set
-- ARGV: 5 SKU, 6 operation (adjust, set, uncount, suspend, resume), 7 units, 8 reason as JSON or null
-- Answers: ok, on hand ('' uncounted), suspended (0/1) | uncounted | negative, on hand.
local stock, suspended = KEYS[4], KEYS[5]
local sku, operation, units = ARGV[5], ARGV[6], ARGV[7]

local answer = settled()
if answer then
    return answer
end
local before = redis.call('HGET', stock, sku)
local kind, delta = 'stock.adjusted', 0
if operation == 'adjust' then
    if not before then
        return { 'uncounted' }
    end
    if tonumber(before) + tonumber(units) < 0 then
        return { 'negative', before }
    end
    redis.call('HINCRBY', stock, sku, units)
    delta = units
elseif operation == 'set' then
    redis.call('HSET', stock, sku, units)
    delta = string.format('%d', tonumber(units) - tonumber(before or 0))
elseif operation == 'uncount' then
    redis.call('HDEL', stock, sku)
    delta = string.format('%d', -tonumber(before or 0))
elseif operation == 'suspend' then
    redis.call('SADD', suspended, sku)
    kind = 'stock.suspended'
else
    redis.call('SREM', suspended, sku)
    kind = 'stock.resumed'
end
local on_hand = redis.call('HGET', stock, sku)
local off = redis.call('SISMEMBER', suspended, sku)
append(kind, '{"stock":[' .. stock_change(sku, delta, on_hand, off == 1) .. '],"by":' .. by
    .. ',"reason":' .. ARGV[8] .. '}')
return remember({ 'ok', on_hand or '', tostring(off) })
