-- Adds rows to the snapshot of this name. ARGV: token, name, and pairs of row and value
if not holds_lease(ARGV[1]) then return 'taken' end
if redis.call('GET', STAGING) ~= ARGV[2] then return 'dropped' end
local meta = described()
local key = slot_key(meta and meta.spare or 'a')
for i = 3, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
return 'done'
