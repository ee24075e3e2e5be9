-- Takes an order: all of its stock or none, its pickup number, its record, its event.
-- KEYS: 4 order hash, 5 open zset, 6 orders zset, 7 unrouted zset, 8 stock hash,
--       9 suspended set, 10 numbers counter of the business day, 11 open orders by device hash,
--       12 slots hash
-- ARGV: 5 order id, 6 details JSON, 7 key as JSON, 8 log budget bytes, 9 record's life seconds,
--       10 last number of the day that the caller knows, 11 when the kitchen has to begin (ms),
--       12 open orders at most, 13 device or '', 14 open orders of one device at most,
--       15 slots that its work takes, 16.. field, seconds and capacity of each, then pairs of SKU
--       and units
-- Answers: ok, order id, number | log-full | too-many | too-many-of-device | slots-full, then the
-- slots hash flattened | short, then SKU, on hand ('' uncounted), suspended (0/1) of every SKU
-- that the order claims.
-- Invariants: no count goes below zero; no slot is given more than its capacity; a refused order changes nothing, its key stays free.
local order, stock, suspended = KEYS[4], KEYS[8], KEYS[9]
local id, details = ARGV[5], ARGV[6]

local answer = settled()
if answer then
    return answer
end
if tonumber(log_bytes) >= tonumber(ARGV[8]) then
    return { 'log-full' }
end

if redis.call('ZCARD', KEYS[5]) >= tonumber(ARGV[12]) then
    return { 'too-many' }
end
local device = ARGV[13]
if device ~= '' and tonumber(redis.call('HGET', KEYS[11], device) or 0) >= tonumber(ARGV[14]) then
    return { 'too-many-of-device' }
end

local last_slot = 15 + 3 * tonumber(ARGV[15])
for i = 16, last_slot, 3 do
    local used = tonumber(redis.call('HGET', KEYS[12], ARGV[i]) or 0)
    if used + tonumber(ARGV[i + 1]) > tonumber(ARGV[i + 2]) then
        local slots = redis.call('HGETALL', KEYS[12])
        table.insert(slots, 1, 'slots-full')
        return slots
    end
end

local changes, taken = claim(stock, suspended, ARGV, last_slot + 1)
if not changes then
    table.insert(taken, 1, 'short')
    return taken
end

local slots = {}
for i = 16, last_slot, 3 do
    redis.call('HINCRBY', KEYS[12], ARGV[i], ARGV[i + 1])
    table.insert(slots, ARGV[i] .. '=' .. ARGV[i + 1])
end

local number = redis.call('INCR', KEYS[10])
if number == 1 then
    -- The first of the day, which is over long before its counter is.
    redis.call('EXPIRE', KEYS[10], ARGV[9])
end
if number <= tonumber(ARGV[10]) then
    -- The store was set back; the guests who hold the numbers since then were not.
    number = redis.call('INCRBY', KEYS[10], ARGV[10] + 1 - number)
end
local place = redis.call('HINCRBY', meta, 'orders', 1)
local seq = append('order.placed', '{"order":"' .. id .. '","number":' .. number .. ',"key":'
    .. ARGV[7] .. ',"by":' .. by .. ',"stock":[' .. changes
    .. '],"details":' .. details .. '}')
local fields = { 'id', id, 'number', number, 'state', 'placed', 'place', place, 'details', details,
    'by', by, 'taken', taken, 'placed_at', now, 'seq', seq }
if #slots > 0 then
    table.insert(fields, 'slots')
    table.insert(fields, table.concat(slots, ','))
end
if device ~= '' then
    table.insert(fields, 'device')
    table.insert(fields, device)
    redis.call('HINCRBY', KEYS[11], device, 1)
end
redis.call('HSET', order, unpack(fields))
redis.call('EXPIRE', order, ARGV[9])
redis.call('ZADD', KEYS[5], place, id)
redis.call('ZADD', KEYS[6], place, id)
redis.call('ZADD', KEYS[7], ARGV[11], id)
return remember({ 'ok', id, tostring(number) })
