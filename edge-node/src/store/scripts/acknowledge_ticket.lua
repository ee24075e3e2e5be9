-- A cook has seen a ticket on a screen, once.
-- KEYS: 4 order hash, 5 unseen tickets zset
-- ARGV: 5 ticket id
-- Answers: ok, then the order hash flattened | missing | illegal, state, why.
local order, id = KEYS[4], ARGV[5]

local answer = settled()
if answer then
    return answer
end
local field = 'ticket:' .. id
local state, seen, done, station, number, order_id =
    unpack(redis.call('HMGET', order, field .. ':state', field .. ':acknowledged_at',
        field .. ':done', field .. ':station', 'number', 'id'))
if not state then
    return { 'missing' }
end
if seen then
    return { 'illegal', state, 'it was acknowledged before' }
end
if state ~= 'waiting' and state ~= 'cooking' then
    return { 'illegal', state, 'only a waiting or cooking ticket can be acknowledged' }
end
see_ticket(KEYS[5], id)
tell_ticket('ticket.acknowledged', order_id, number, id, station, state, done)
return answer_order()
