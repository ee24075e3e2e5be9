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
if redis.call('HGET', order, 'state') ~= 'placed' or redis.call('HEXISTS', order, 'tickets') == 1 then
    redis.call('ZREM', KEYS[5], ARGV[5])
    return { 'done' }
end

local number, place = unpack(redis.call('HMGET', order, 'number', 'place'))
local ids = {}
for i = 8, #ARGV, 4 do
    local ticket = ARGV[i]
    -- Tickets stand in line by their order's place, those of one order by their number.
    local line = string.format('%d', place * 1000 + #ids + 1)
    redis.call('HSET', order, 'ticket:' .. ticket, ARGV[i + 3], 'ticket:' .. ticket .. ':state',
        'waiting', 'ticket:' .. ticket .. ':done', '', 'ticket:' .. ticket .. ':lines',
        ARGV[i + 2], 'ticket:' .. ticket .. ':station', ARGV[i + 1],
        'ticket:' .. ticket .. ':place', line)
    redis.call('SET', KEYS[9 + #ids], ARGV[5], 'EX', ARGV[6])
    redis.call('ZADD', KEYS[6], line, ticket)
    redis.call('ZADD', KEYS[7], line, ticket)
    redis.call('ZADD', KEYS[8], ARGV[7], ticket)
    table.insert(ids, ticket)
    append('ticket.created', '{"ticket":"' .. ticket .. '","order":"' .. ARGV[5] .. '","number":'
        .. number .. ',"by":' .. by .. ',"details":' .. ARGV[i + 3] .. '}')
end
redis.call('HSET', order, 'tickets', table.concat(ids, ','))
redis.call('ZREM', KEYS[5], ARGV[5])
return { 'ok' }
