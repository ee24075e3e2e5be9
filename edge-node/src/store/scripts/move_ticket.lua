-- Moves a ticket, and its order along with it.
-- KEYS: 4 order hash, 5 open tickets zset, 6 ready orders zset, 7 unseen tickets zset
-- ARGV: 5 ticket id, 6 operation (start, bump, line, recall), 7 line (counts from 1; for line),
--       8 now (ms), 9 reason as JSON or null
-- Answers: ok, then the order hash flattened | missing | illegal, state, why.
local order, open = KEYS[4], KEYS[5]
local id, operation, line = ARGV[5], ARGV[6], tonumber(ARGV[7])

local answer = settled()
if answer then
    return answer
end
local field = 'ticket:' .. id
local state, done_text, lines, station, order_state, number, place, order_id, tickets =
    unpack(redis.call('HMGET', order, field .. ':state', field .. ':done', field .. ':lines',
        field .. ':station', 'state', 'number', field .. ':place', 'id', 'tickets'))
if not state then
    return { 'missing' }
end
lines = tonumber(lines)
local open_ticket = state == 'waiting' or state == 'cooking'

local done, count = {}, 0
for n in string.gmatch(done_text, '%d+') do
    done[tonumber(n)] = true
    count = count + 1
end

local kind, next_state
if operation == 'start' then
    if state ~= 'waiting' then
        return { 'illegal', state, 'only a waiting ticket can be started' }
    end
    kind, next_state = 'ticket.started', 'cooking'
elseif operation == 'bump' then
    if not open_ticket then
        return { 'illegal', state, 'only a waiting or cooking ticket can be bumped' }
    end
    kind, next_state = 'ticket.bumped', 'done'
    for n = 1, lines do
        done[n] = true
    end
elseif operation == 'line' then
    if not line or line < 1 or line > lines then
        return { 'missing' }
    end
    if not open_ticket or done[line] then
        return { 'illegal', state, 'only a line that is not made yet can be bumped' }
    end
    done[line] = true
    kind, next_state = 'ticket.line_bumped', (count + 1 == lines) and 'done' or 'cooking'
else
    if state ~= 'done' or (order_state ~= 'preparing' and order_state ~= 'ready') then
        return { 'illegal', state, 'only a ticket that is done can be recalled, before the order is handed over' }
    end
    kind, next_state, done = 'ticket.recalled', 'cooking', {}
end

local made = {}
for n = 1, lines do
    if done[n] then
        table.insert(made, n)
    end
end
done_text = table.concat(made, ',')
redis.call('HSET', order, field .. ':state', next_state, field .. ':done', done_text,
    field .. ':' .. next_state .. '_at', now)
if next_state == 'done' then
    redis.call('ZREM', open, id)
else
    redis.call('ZADD', open, place, id)
end
see_ticket(KEYS[7], id)
tell_ticket(kind, order_id, number, id, station, next_state, done_text,
    ',"reason":' .. ARGV[9])

if order_state == 'placed' or operation == 'recall' and order_state == 'ready' then
    move_order(order, 'preparing', nil, 'ticket')
    redis.call('ZREM', KEYS[6], order_id)
end
if next_state == 'done' then
    local all_done = true
    for ticket in string.gmatch(tickets, '[^,]+') do
        if redis.call('HGET', order, 'ticket:' .. ticket .. ':state') ~= 'done' then
            all_done = false
        end
    end
    if all_done then
        move_order(order, 'ready', nil, 'ticket')
        redis.call('ZADD', KEYS[6], ARGV[8], order_id)
    end
end
return answer_order()
