-- Takes a job out of the dead letters to do it after all. An order that it had rejected is placed
-- again, with its stock claimed anew.
-- KEYS: 4 dead jobs hash, 5 places zset, 6 tries of the job, 7 order hash, 8 open zset,
--       9 unrouted zset, 10 stock hash, 11 suspended set, 12 open orders by device hash
-- ARGV: 5 job, 6 kind, 7 order id, 8 now (ms), 9 event body JSON
-- Answers: ok | missing | illegal, state of the order | short, then the level of every SKU of it.
local dead, places, order = KEYS[4], KEYS[5], KEYS[7]
local job, kind, id = ARGV[5], ARGV[6], ARGV[7]

local answer = settled()
if answer then
    return answer
end
if redis.call('HEXISTS', dead, job) == 0 then
    return { 'missing' }
end
if kind == 'route' then
    local state, place, number, taken, tickets = unpack(redis.call('HMGET', order, 'state',
        'place', 'number', 'taken', 'tickets'))
    if state == 'rejected' and not tickets then
        local wanted = {}
        for sku, units in string.gmatch(taken, '([^,=]+)=(%d+)') do
            table.insert(wanted, sku)
            table.insert(wanted, units)
        end
        local changes, now_taken = claim(KEYS[10], KEYS[11], wanted, 1)
        if not changes then
            table.insert(now_taken, 1, 'short')
            return now_taken
        end
        -- Its slots went to others; the kitchen gets it at once.
        redis.call('HDEL', order, 'reason', 'rejected_at', 'slots')
        -- It keeps its place and the time at which it was placed.
        redis.call('HSET', order, 'state', 'placed', 'taken', now_taken)
        redis.call('ZADD', KEYS[8], place, id)
        count_open(KEYS[12], order, 1)
        append('order.retried', '{"order":"' .. id .. '","number":' .. number
            .. ',"state":"placed","by":' .. by .. ',"stock":[' .. changes .. ']}')
    elseif state == 'placed' and not tickets then
        append('job.retried', ARGV[9])
    else
        return { 'illegal', state or 'gone' }
    end
    redis.call('ZADD', KEYS[9], ARGV[8], id)
else
    append('job.retried', ARGV[9])
end
redis.call('HDEL', dead, job)
redis.call('ZREM', places, job)
redis.call('DEL', KEYS[6])
return remember({ 'ok' })
