-- A cook has seen that the order of a ticket that he had begun was called off.
-- KEYS: 4 order hash, 5 open tickets zset
-- ARGV: 5 ticket id
-- Answers: ok, then the order hash flattened | missing | illegal, state, why.
local order, id = KEYS[4], ARGV[5]

local answer = settled()
if answer then
    return answer
end
local field = 'ticket:' .. id
local state, confirm, done, station, number, order_id =
    unpack(redis.call('HMGET', order, field .. ':state', field .. ':confirm', field .. ':done',
        field .. ':station', 'number', 'id'))
if not state then
    return { 'missing' }
end
if confirm ~= '1' then
    return { 'illegal', state, 'nothing about it has to be confirmed' }
end
redis.call('HSET', order, field .. ':confirm', '0')
redis.call('ZREM', KEYS[5], id)
tell_ticket('ticket.confirmed', order_id, number, id, station, state, done)
return answer_order()
