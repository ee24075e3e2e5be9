-- Notes that a ticket is about to go to a printer, if it is still wanted there.
-- KEYS: 4 order hash, 5 mark of this ticket at this printer
-- ARGV: 5 ticket id, 6 only if no screen has acknowledged it (1), 7 life of the mark seconds
-- Answers: ok, whether it may have been printed before (0/1) | printed | unwanted.
-- Invariant: between this and `end_print` the ticket may be on paper or not; nobody can know.
local answer = settled()
if answer then
    return answer
end
local mark = redis.call('GET', KEYS[5])
if mark == 'printed' then
    return { 'printed' }
end
local field = 'ticket:' .. ARGV[5]
local state, seen = unpack(redis.call('HMGET', KEYS[4], field .. ':state',
    field .. ':acknowledged_at'))
if (state ~= 'waiting' and state ~= 'cooking') or (seen and ARGV[6] == '1') then
    return { 'unwanted' }
end
redis.call('SET', KEYS[5], 'begun', 'EX', ARGV[7])
return remember({ 'ok', mark and '1' or '0' })
