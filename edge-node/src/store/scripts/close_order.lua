-- Ends an order: cancelled, rejected, collected or expired. What leaves before cooking gives
-- its stock and its slots back, once.
-- KEYS: 4 order hash, 5 open zset, 6 unrouted zset, 7 open tickets zset, 8 stock hash,
--       9 suspended set, 10 open orders by device hash,
--       11 ready orders zset, 12 slots hash, 13 unseen tickets zset
-- ARGV: 5 order id, 6 next state, 7 reason as JSON or null, 8 states it may leave, by commas
-- Answers: ok, then the order hash flattened | missing | illegal, state.
local order, stock, suspended = KEYS[4], KEYS[8], KEYS[9]
local id, next_state = ARGV[5], ARGV[6]

local answer = settled()
if answer then
    return answer
end
local state, taken, tickets, number, slots =
    unpack(redis.call('HMGET', order, 'state', 'taken', 'tickets', 'number', 'slots'))
if not state then
    return { 'missing' }
end
if not string.find(',' .. ARGV[8] .. ',', ',' .. state .. ',', 1, true) then
    return { 'illegal', state }
end

local changes = {}
if state == 'placed' then
    for sku, units in string.gmatch(taken, '([^,=]+)=(%d+)') do
        if redis.call('HEXISTS', stock, sku) == 1 then
            local on_hand = redis.call('HINCRBY', stock, sku, units)
            local off = redis.call('SISMEMBER', suspended, sku) == 1
            table.insert(changes, stock_change(sku, units, on_hand, off))
        end
    end
    for slot, work in string.gmatch(slots or '', '([^,=]+)=(%d+)') do
        -- Slots that are over may have been forgotten.
        if redis.call('HEXISTS', KEYS[12], slot) == 1
            and redis.call('HINCRBY', KEYS[12], slot, '-' .. work) <= 0 then
            redis.call('HDEL', KEYS[12], slot)
        end
    end
end
for ticket in string.gmatch(tickets or '', '[^,]+') do
    local field = 'ticket:' .. ticket
    local ticket_state, station, done = unpack(redis.call('HMGET', order, field .. ':state',
        field .. ':station', field .. ':done'))
    if ticket_state ~= 'done' then
        -- Whoever cooks it has to say that he has stopped; until then it stays on his screen.
        local begun = ticket_state == 'cooking'
        redis.call('HSET', order, field .. ':state', 'cancelled', field .. ':confirm',
            begun and '1' or '0')
        if not begun then
            redis.call('ZREM', KEYS[7], ticket)
        end
        redis.call('ZREM', KEYS[13], ticket)
        tell_ticket('ticket.cancelled', id, number, ticket, station, 'cancelled', done,
            ',"reason":' .. ARGV[7] .. ',"needs_confirmation":' .. tostring(begun))
    end
end
redis.call('ZREM', KEYS[5], id)
redis.call('ZREM', KEYS[6], id)
redis.call('ZREM', KEYS[11], id)
count_open(KEYS[10], order, -1)
if ARGV[7] ~= 'null' then
    redis.call('HSET', order, 'reason', ARGV[7])
end
move_order(order, next_state, ',"reason":' .. ARGV[7] .. ',"stock":['
    .. table.concat(changes, ',') .. ']')
return answer_order()
