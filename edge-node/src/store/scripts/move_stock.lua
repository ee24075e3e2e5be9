-- Changes what is at hand of one SKU.
-- KEYS: 4 stock hash, 5 suspended set, 6 suspensions zset, 7 to-count set
-- ARGV: 5 SKU, 6 operation (adjust, set, uncount, suspend, resume, resume-due, mark),
--       7 units (mark: '' for no mark),
--       8 reason as JSON or null, 9 until when (ms; for suspend: '' for no end; for resume-due)
-- Answers: ok, on hand ('' uncounted), suspended (0/1), until (ms or ''), low mark ('' none), to count (0/1)
--          | uncounted | negative, on hand | changed (resume-due alone: it was suspended anew, or resumed).
local stock, suspended, suspensions = KEYS[4], KEYS[5], KEYS[6]
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
    redis.call('SREM', KEYS[7], sku)
    delta = string.format('%d', tonumber(units) - tonumber(before or 0))
elseif operation == 'uncount' then
    redis.call('HDEL', stock, sku)
    redis.call('SREM', KEYS[7], sku)
    delta = string.format('%d', -tonumber(before or 0))
elseif operation == 'suspend' then
    redis.call('SADD', suspended, sku)
    redis.call('ZREM', suspensions, sku)
    if ARGV[9] ~= '' then
        redis.call('ZADD', suspensions, ARGV[9], sku)
    end
    kind = 'stock.suspended'
elseif operation == 'mark' then
    if units == '' then
        redis.call('HDEL', meta, 'low:' .. sku)
    else
        redis.call('HSET', meta, 'low:' .. sku, units)
    end
    kind = 'stock.marked'
else
    if operation == 'resume-due' and redis.call('ZSCORE', suspensions, sku) ~= ARGV[9] then
        return { 'changed' }
    end
    redis.call('ZREM', suspensions, sku)
    redis.call('SREM', suspended, sku)
    kind = 'stock.resumed'
end
local on_hand = redis.call('HGET', stock, sku)
local off = redis.call('SISMEMBER', suspended, sku)
append(kind, '{"stock":[' .. stock_change(sku, delta, on_hand, off == 1) .. '],"by":' .. by
    .. ',"reason":' .. ARGV[8] .. '}')
return remember({ 'ok', on_hand or '', tostring(off),
    redis.call('ZSCORE', suspensions, sku) or '', low_marks({ sku })[1] or '',
    tostring(redis.call('SISMEMBER', KEYS[7], sku)) })
