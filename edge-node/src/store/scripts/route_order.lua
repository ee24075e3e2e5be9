-- Deals an order's lines to stations: makes its tickets, once.
-- KEYS: 4 order hash, 5 unrouted zset, 6 open tickets zset, 7 tickets zset,
--       8 unseen tickets zset, 9.. one key per ticket
-- ARGV: 5 order id, 6 record's life seconds, 7 now (ms), 8.. per ticket: id, station, lines,
--       details JSON
-- Answers: ok | done (it has its tickets, or no longer wants any).
local order = KEYS[4]

local answer = settled()
if answer then
    return answer
end
local state, number, place, routed =
    unpack(redis.call('HMGET', order, 'state', 'number', 'place', 'tickets'))
if state ~= 'placed' or routed then
    redis.call('ZREM', KEYS[5], ARGV[5])
    return { 'done' }
end

local ids, fields, places, unseen = {}, {}, {}, {}
local function add(list, ...)
    for _, value in ipairs({ ... }) do
        table.insert(list, value)
    end
end
for i = 8, #ARGV, 4 do
    local ticket = ARGV[i]
    local name = 'ticket:' .. ticket
    -- Tickets stand in line by their order's place, those of one order by their number.
    local line = string.format('%d', place * 1000 + #ids + 1)
    add(fields, name, ARGV[i + 3], name .. ':state', 'waiting', name .. ':done', '',
        name .. ':lines', ARGV[i + 2], name .. ':station', ARGV[i + 1], name .. ':place', line)
    add(places, line, ticket)
    add(unseen, ARGV[7], ticket)
    redis.call('SET', KEYS[9 + #ids], ARGV[5], 'EX', ARGV[6])
    table.insert(ids, ticket)
    append('ticket.created', '{"ticket":"' .. ticket .. '","order":"' .. ARGV[5] .. '","number":'
        .. number .. ',"by":' .. by .. ',"details":' .. ARGV[i + 3] .. '}')
end
if #ids > 0 then
    redis.call('ZADD', KEYS[6], unpack(places))
    redis.call('ZADD', KEYS[7], unpack(places))
    redis.call('ZADD', KEYS[8], unpack(unseen))
end
add(fields, 'tickets', table.concat(ids, ','))
redis.call('HSET', order, unpack(fields))
redis.call('ZREM', KEYS[5], ARGV[5])
return { 'ok' }
