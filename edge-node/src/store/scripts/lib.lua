-- Shared by every script that changes facts; it is put in front of each.
--
-- KEYS[1] meta    hash: epoch, seq, bytes, low:<SKU>, menu-low:<SKU>  KEYS[2] log   stream, entry id <seq>-0
-- KEYS[3] idem    record of this operation's key, kept for ARGV[3] seconds
-- ARGV[1] now     RFC 3339                           ARGV[2] print fingerprint of the request
-- ARGV[4] by      JSON: who does it
-- The last two of ARGV are taken off here: epoch and last sequence that the caller has seen.
--
-- Every script answers a list of strings whose first is a word: `ok` (done now), `again` (done
-- before under this key; the rest is the first answer), `reused` (the key belongs to another
-- request), `unborn` (the store has no epoch), `set-back` (the store holds less than the caller
-- has seen of it), or a refusal of its own. Only `ok` changed anything. The last of the list is
-- the log's last sequence. All of a script is one transaction in the append-only file.

local meta, log = KEYS[1], KEYS[2]
local now, by = ARGV[1], ARGV[4]
local seen_seq = tonumber(table.remove(ARGV))
local seen_epoch = table.remove(ARGV)

-- What an entry takes in memory beside its body, roughly; for the log's budget.
local ENTRY_OVERHEAD = 160

local function checksum(seq, at, kind, body)
    return redis.sha1hex(seq .. at .. kind .. body)
end

-- `at` and `sum` are given for entries that are told again.
local function append(kind, body, at, sum)
    at = at or now
    local seq = redis.call('HINCRBY', meta, 'seq', 1)
    sum = sum or checksum(seq, at, kind, body)
    redis.call('XADD', log, seq .. '-0', 'k', kind, 't', at, 'b', body, 's', sum)
    redis.call('HINCRBY', meta, 'bytes', #body + ENTRY_OVERHEAD)
    return seq
end

-- Fields of an order's hash that never change; those of a ticket by their last part.
local FIXED = { id = true, number = true, place = true, details = true, by = true, taken = true,
    placed_at = true, seq = true, tickets = true, device = true, slots = true }
local FIXED_OF_TICKET = { [''] = true, lines = true, station = true, place = true }

local function is_fixed(field)
    local part = string.match(field, '^ticket:[^:]+:?(.*)$')
    if part then
        return FIXED_OF_TICKET[part]
    end
    return FIXED[field]
end

-- The first answer that was an order (KEYS[4]): its changing fields were kept, the others are
-- as they were.
local function whole_order(kept)
    local fields = redis.call('HGETALL', KEYS[4])
    for i = 1, #fields, 2 do
        if is_fixed(fields[i]) then
            table.insert(kept, fields[i])
            table.insert(kept, fields[i + 1])
        end
    end
    return kept
end

-- The answer that makes anything further needless, or nil.
local function settled()
    local epoch, seq = unpack(redis.call('HMGET', meta, 'epoch', 'seq'))
    if not epoch then
        return { 'unborn' }
    end
    if epoch ~= seen_epoch or tonumber(seq) < seen_seq then
        return { 'set-back' }
    end
    local kept = redis.call('GET', KEYS[3])
    if not kept then
        return nil
    end
    local record = cmsgpack.unpack(kept)
    if record[1] ~= ARGV[2] then
        return { 'reused' }
    end
    local answer = record[2]
    if answer[1] == 'order' then
        answer = whole_order(answer)
    end
    answer[1] = 'again'
    return answer
end

local function remember(answer)
    redis.call('SET', KEYS[3], cmsgpack.pack({ ARGV[2], answer }), 'EX', ARGV[3])
    return answer
end

-- Answers with the order (KEYS[4]), flattened, and remembers of it what can change: a copy of
-- the whole for each step would soon take more memory than the orders themselves.
local function answer_order()
    local whole, changing = redis.call('HGETALL', KEYS[4]), { 'order' }
    for i = 1, #whole, 2 do
        if not is_fixed(whole[i]) then
            table.insert(changing, whole[i])
            table.insert(changing, whole[i + 1])
        end
    end
    remember(changing)
    table.insert(whole, 1, 'ok')
    return whole
end

local function with_head(answer)
    table.insert(answer, redis.call('HGET', meta, 'seq') or '0')
    return answer
end

-- The site's own low-stock mark of a SKU, or else the menu's; false without.
local function low_mark(sku)
    return redis.call('HGET', meta, 'low:' .. sku) or redis.call('HGET', meta, 'menu-low:' .. sku)
end

-- One entry of an event's `stock` list. SKUs are codes and need no escaping.
local function stock_change(sku, delta, on_hand, suspended)
    local mark = low_mark(sku)
    return '{"sku":"' .. sku .. '","delta":' .. delta .. ',"on_hand":' .. (on_hand or 'null')
        .. ',"suspended":' .. (suspended and 'true' or 'false')
        .. (mark and ',"low_mark":' .. mark or '') .. '}'
end

-- Notes that a cook has seen a ticket of the order in KEYS[4], and that nobody waits for it any
-- more (`unseen` zset).
local function see_ticket(unseen, id)
    redis.call('HSETNX', KEYS[4], 'ticket:' .. id .. ':acknowledged_at', now)
    redis.call('ZREM', unseen, id)
end

-- Tells what became of a ticket of the order in KEYS[4]; `done` are its made lines by commas,
-- `more` is further members of the body as JSON.
local function tell_ticket(kind, order, number, id, station, state, done, more)
    local seen = redis.call('HGET', KEYS[4], 'ticket:' .. id .. ':acknowledged_at')
    append(kind, '{"ticket":"' .. id .. '","order":"' .. order .. '","number":' .. number
        .. ',"station":"' .. station .. '","state":"' .. state .. '","done_lines":[' .. done
        .. '],"acknowledged_at":' .. (seen and '"' .. seen .. '"' or 'null') .. ',"by":' .. by
        .. (more or '') .. '}')
end

-- Moves an order to another state and tells it; `more` is further members of the body as JSON,
-- `cause` what led to it if that is not what led to all of the operation.
local function move_order(order, state, more, cause)
    local by = by
    if cause then
        -- No text in it can look like this, because quotes in texts are escaped.
        by = string.gsub(by, '"cause":"[^"]*"', '"cause":"' .. cause .. '"')
    end
    local id, number = unpack(redis.call('HMGET', order, 'id', 'number'))
    redis.call('HSET', order, 'state', state, state .. '_at', now)
    append('order.' .. state, '{"order":"' .. id .. '","number":' .. number .. ',"state":"'
        .. state .. '","by":' .. by .. (more or '') .. '}')
end

-- Takes units from stock (hash) unless some are short or off sale (set): `list` from `first` on
-- holds pairs of SKU and units. Answers the changes for the event and what was taken for the
-- order; or, changing nothing, nil and the level of every SKU: SKU, on hand ('' uncounted),
-- suspended (0/1).
local function claim(stock, suspended, list, first)
    local levels, short = {}, false
    for i = first, #list, 2 do
        local on_hand = redis.call('HGET', stock, list[i])
        local off = redis.call('SISMEMBER', suspended, list[i])
        table.insert(levels, list[i])
        table.insert(levels, on_hand or '')
        table.insert(levels, tostring(off))
        if off == 1 or (on_hand and tonumber(on_hand) < tonumber(list[i + 1])) then
            short = true
        end
    end
    if short then
        return nil, levels
    end
    local changes, taken = {}, {}
    for i = first, #list, 2 do
        local sku, units = list[i], list[i + 1]
        if redis.call('HEXISTS', stock, sku) == 1 then
            local left = redis.call('HINCRBY', stock, sku, '-' .. units)
            table.insert(changes, stock_change(sku, '-' .. units, left, false))
            table.insert(taken, sku .. '=' .. units)
        end
    end
    return table.concat(changes, ','), table.concat(taken, ',')
end

-- Counts an order that becomes open (1) or is closed (-1) for the device that it came from.
local function count_open(open_by, order, change)
    local device = redis.call('HGET', order, 'device')
    if device and redis.call('HINCRBY', open_by, device, change) <= 0 then
        redis.call('HDEL', open_by, device)
    end
end
