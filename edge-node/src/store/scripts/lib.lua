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

-- Where the log stands, once this script has asked: its last sequence and what it takes. Each further call of
-- Redis costs more than to keep it in mind.
local last_seq, log_bytes

-- `at` and `sum` are given for entries that are told again.
local function append(kind, body, at, sum)
    at = at or now
    if not last_seq then
        last_seq, log_bytes = unpack(redis.call('HMGET', meta, 'seq', 'bytes'))
    end
    last_seq = string.format('%d', last_seq + 1)
    log_bytes = string.format('%d', log_bytes + #body + ENTRY_OVERHEAD)
    sum = sum or checksum(last_seq, at, kind, body)
    redis.call('HSET', meta, 'seq', last_seq, 'bytes', log_bytes)
    redis.call('XADD', log, last_seq .. '-0', 'k', kind, 't', at, 'b', body, 's', sum)
    return last_seq
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
    local epoch, seq, bytes = unpack(redis.call('HMGET', meta, 'epoch', 'seq', 'bytes'))
    if not epoch then
        return { 'unborn' }
    end
    if epoch ~= seen_epoch or tonumber(seq) < seen_seq then
        return { 'set-back' }
    end
    last_seq, log_bytes = seq, bytes
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
    table.insert(answer, last_seq or redis.call('HGET', meta, 'seq') or '0')
    return answer
end

-- The low-stock marks of SKUs: for each the site's own, or else the menu's; false without.
local function low_marks(skus)
    local fields = {}
    for _, sku in ipairs(skus) do
        table.insert(fields, 'low:' .. sku)
        table.insert(fields, 'menu-low:' .. sku)
    end
    local found, marks = redis.call('HMGET', meta, unpack(fields)), {}
    for i = 1, #skus do
        marks[i] = found[2 * i - 1] or found[2 * i]
    end
    return marks
end

-- One entry of an event's `stock` list. SKUs are codes and need no escaping. `mark` is the SKU's low-stock mark
-- where the caller knows it.
local function stock_change(sku, delta, on_hand, suspended, mark)
    if mark == nil then
        mark = low_marks({ sku })[1]
    end
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
-- holds pairs of SKU and units, each SKU once. Answers the changes for the event and what was taken for the
-- order; or, changing nothing, nil and the level of every SKU: SKU, on hand ('' uncounted),
-- suspended (0/1).
local function claim(stock, suspended, list, first)
    local skus = {}
    for i = first, #list, 2 do
        table.insert(skus, list[i])
    end
    if #skus == 0 then
        return '', ''
    end
    local on_hand, off = redis.call('HMGET', stock, unpack(skus)), {}
    for _, sku in ipairs(redis.call('SMEMBERS', suspended)) do
        off[sku] = true
    end
    local short = false
    for i, sku in ipairs(skus) do
        local units = tonumber(list[first + 2 * i - 1])
        short = short or off[sku] or (on_hand[i] and tonumber(on_hand[i]) < units)
    end
    if short then
        local levels = {}
        for i, sku in ipairs(skus) do
            table.insert(levels, sku)
            table.insert(levels, on_hand[i] or '')
            table.insert(levels, off[sku] and '1' or '0')
        end
        return nil, levels
    end
    local marks, left, changes, taken = low_marks(skus), {}, {}, {}
    for i, sku in ipairs(skus) do
        if on_hand[i] then
            local units = list[first + 2 * i - 1]
            local rest = string.format('%d', on_hand[i] - units)
            table.insert(left, sku)
            table.insert(left, rest)
            table.insert(changes, stock_change(sku, '-' .. units, rest, false, marks[i]))
            table.insert(taken, sku .. '=' .. units)
        end
    end
    if #left > 0 then
        redis.call('HSET', stock, unpack(left))
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
