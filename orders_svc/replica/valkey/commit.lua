-- Makes the snapshot of this name the copy, if the copy is where the writer saw it last.
-- ARGV: token, epoch and revision of the copy, name, rows it must have, epoch, revision, when
if not holds_lease(ARGV[1]) then return 'taken' end
local meta = described()
if not is_at(meta, ARGV[2], ARGV[3]) then return 'lost' end
local slot = meta and meta.spare or 'a'
local staged = redis.call('GET', STAGING) == ARGV[4] and redis.call('HLEN', slot_key(slot))
if staged ~= tonumber(ARGV[5]) then return 'dropped' end
redis.call('DEL', META, STAGING)
redis.call('HSET', META, 'format', FORMAT, 'epoch', ARGV[6], 'revision', ARGV[7],
  'synced_at', ARGV[8], 'ready', '1', 'grants', ARGV[5], 'slot', slot)
redis.call('UNLINK', slot_key(slot == 'a' and 'b' or 'a'))
return 'done'
