-- Nothing was missing from a copy that is where the writer saw it last.
-- ARGV: token, epoch and revision of the copy, when in seconds
if not holds_lease(ARGV[1]) then return 'taken' end
local meta = described()
if not meta or not is_at(meta, ARGV[2], ARGV[3]) then return 'lost' end
redis.call('HSET', META, 'synced_at', ARGV[4], 'ready', '1')
return 'done'
