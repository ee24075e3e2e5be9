-- Tells, once, that no screen has acknowledged a ticket in time.
-- KEYS: 4 order hash, 5 unseen tickets zset
-- ARGV: 5 ticket id
-- Answers: ok | done (it was told before, or the ticket no longer waits for anyone).
local order, id = KEYS[4], ARGV[5]

local answer = settled()
if answer then
    return answer
end
if redis.call('ZREM', KEYS[5], id) == 0 then
    return { 'done' }
end
local field = 'ticket:' .. id
local state, seen, done, station, number, order_id =
    unpack(redis.call('HMGET', order, field .. ':state', field .. ':acknowledged_at',
        field .. ':done', field .. ':station', 'number', 'id'))
if seen or (state ~= 'waiting' and state ~= 'cooking') then
    return { 'done' }
end
tell_ticket('ticket.escalated', order_id, number, id, station, state, done)
return remember({ 'ok' })
