-- Begins a new life of the store, because the hub knows another history than ours: events from
-- `first` on, which the hub does not have, are told again in the new epoch, and in front of them,
-- where asked for, those of epochs that ended before.
-- KEYS: 4 where the old log is kept, 5 cursor of the hub reader, 6 stock hash, 7 suspended set,
--       8 list of ended epochs, 9.. logs of ended epochs that are told again
-- ARGV: 5 the epoch that ends, 6 the new epoch, 7 first sequence to tell again, 8 reason,
--       9 seconds for which the old log is kept, 10.. first sequence of each log in KEYS[9..]
-- Answers: ok, epoch | superseded, epoch.
-- Invariant: within an epoch the counts of each SKU add up, from those in `epoch.started` on.
local current, own_first = unpack(redis.call('HMGET', meta, 'epoch', 'own_first'))
if current ~= ARGV[5] then
    return { 'superseded', current or '' }
end

-- Ended epochs that are remembered; their logs expire by themselves.
local ENDED_MAX = 20
-- Entries that are held in memory at a time.
local STEP = 500

local function each(kept, first, visit)
    local from = '(' .. string.format('%d', tonumber(first) - 1) .. '-0'
    while true do
        local entries = redis.call('XRANGE', kept, from, '+', 'COUNT', STEP)
        if #entries == 0 then
            return
        end
        for _, entry in ipairs(entries) do
            local fields = { k = '', t = '', b = '', s = '' }
            for i = 1, #entry[2], 2 do
                fields[entry[2][i]] = entry[2][i + 1]
            end
            from = '(' .. entry[1]
            -- The new epoch begins with its own.
            if fields.k ~= 'epoch.started' then
                visit(string.match(entry[1], '^%d+'), fields)
            end
        end
    end
end

if redis.call('EXISTS', log) == 1 then
    redis.call('RENAME', log, KEYS[4])
    redis.call('EXPIRE', KEYS[4], ARGV[9])
end
local logs = {}
for i = 9, #KEYS do
    table.insert(logs, { KEYS[i], ARGV[i + 1] })
end
table.insert(logs, { KEYS[4], ARGV[7] })

-- What was at hand before all that is told again. SKUs are codes: no text in a body can look
-- like the begin of a change, because quotes in texts are escaped.
local before, told = {}, 0
for _, kept in ipairs(logs) do
    each(kept[1], kept[2], function(_, fields)
        told = told + 1
        for sku, delta in string.gmatch(fields.b, '{"sku":"([^"]+)","delta":(%-?%d+)') do
            before[sku] = (before[sku] or 0) - tonumber(delta)
        end
    end)
end
local counts, changes = redis.call('HGETALL', KEYS[6]), {}
for i = 1, #counts, 2 do
    local sku = counts[i]
    local on_hand = string.format('%d', tonumber(counts[i + 1]) + (before[sku] or 0))
    local off = redis.call('SISMEMBER', KEYS[7], sku) == 1
    table.insert(changes, stock_change(sku, 0, on_hand, off))
end
for _, sku in ipairs(redis.call('SMEMBERS', KEYS[7])) do
    if redis.call('HEXISTS', KEYS[6], sku) == 0 then
        table.insert(changes, stock_change(sku, 0, nil, true))
    end
end

redis.call('HSET', meta, 'epoch', ARGV[6], 'seq', 0, 'bytes', 0, 'own_first', told + 2)
redis.call('HDEL', meta, 'anchor_seq', 'anchor_chain')
redis.call('DEL', KEYS[5])
redis.call('RPUSH', KEYS[8], ARGV[5] .. ' ' .. (own_first or '1'))
redis.call('LTRIM', KEYS[8], -ENDED_MAX, -1)
append('epoch.started', '{"epoch":"' .. ARGV[6] .. '","previous":"' .. ARGV[5] .. '","reason":"'
    .. ARGV[8] .. '","stock":[' .. table.concat(changes, ',') .. ']}')
for _, kept in ipairs(logs) do
    each(kept[1], kept[2], function(seq, fields)
        -- What was damaged stays so: it must not pass as what was written.
        local sound = fields.s == checksum(seq, fields.t, fields.k, fields.b)
        append(fields.k, fields.b, fields.t, not sound and 'damaged' or nil)
    end)
end
return { 'ok', ARGV[6] }
