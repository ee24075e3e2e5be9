-- Takes an order: all of its stock or none, its pickup number, its record, its event.
-- KEYS: 4 order hash, 5 open zset, 6 orders zset, 7 unrouted zset, 8 stock hash,
--       9 suspended set, 10 numbers counter of the business day
-- ARGV: 5 order id, 6 details JSON, 7 key as JSON, 8 log budget bytes, 9 record's life seconds,
--       10 last number of the day that the caller knows, 11 when the kitchen has to begin (ms),
--       12.. pairs of SKU and units
-- Answers: ok, order id, number | log-full | short, then SKU, on hand ('' uncounted),
-- suspended (0/1) of every SKU that the order claims.
-- Invariants: no count goes below zero; a refused order changes nothing, its key stays free.
local order, stock, suspended = KEYS[4], KEYS[8], KEYS[9]
local id, details = ARGV[5], ARGV[6]

local answer = settled()
if answer then
    return answer
end
if tonumber(redis.call('HGET', meta, 'bytes')) >= tonumber(ARGV[8]) then
    return { 'log-full' }
end

local levels, short = { 'short' }, false
for i = 12, #ARGV, 2 do
    local on_hand = redis.call('HGET', stock, ARGV[i])
    local off = redis.call('SISMEMBER', suspended, ARGV[i])
    table.insert(levels, ARGV[i])
    table.insert(levels, on_hand or '')
    table.insert(levels, tostring(off))
    if off == 1 or (on_hand and tonumber(on_hand) < tonumber(ARGV[i + 1])) then
        short = true
    end
end
if short then
    return levels
end

local changes, taken = {}, {}
for i = 12, #ARGV, 2 do
    local sku, units = ARGV[i], ARGV[i + 1]
    if redis.call('HEXISTS', stock, sku) == 1 then
        local left = redis.call('HINCRBY', stock, sku, '-' .. units)
        table.insert(changes, stock_change(sku, '-' .. units, left, false))
        table.insert(taken, sku .. '=' .. units)
    end
end

local number = redis.call('INCR', KEYS[10])
if number <= tonumber(ARGV[10]) then
    -- The store was set back; the guests who hold the numbers since then were not.
    number = redis.call('INCRBY', KEYS[10], ARGV[10] + 1 - number)
end
redis.call('EXPIRE', KEYS[10], ARGV[9])
local place = redis.call('HINCRBY', meta, 'orders', 1)
redis.call('HSET', order, 'id', id, 'number', number, 'state', 'placed', 'place', place,
    'details', details, 'by', by, 'taken', table.concat(taken, ','), 'placed_at', now)
redis.call('EXPIRE', order, ARGV[9])
redis.call('ZADD', KEYS[5], place, id)
redis.call('ZADD', KEYS[6], place, id)
redis.call('ZADD', KEYS[7], ARGV[11], id)
local seq = append('order.placed', '{"order":"' .. id .. '","number":' .. number .. ',"key":'
    .. ARGV[7] .. ',"by":' .. by .. ',"stock":[' .. table.concat(changes, ',')
    .. '],"details":' .. details .. '}')
redis.call('HSET', order, 'seq', seq)
return remember({ 'ok', id, tostring(number) })
