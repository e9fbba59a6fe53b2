-- Empties the slot that readers do not use, for a snapshot of this name. ARGV: token, name
if not holds_lease(ARGV[1]) then return 'taken' end
local meta = described()
if not meta then redis.call('DEL', META) end -- or what is left of it might come to fit what is staged
redis.call('UNLINK', slot_key(meta and meta.spare or 'a'))
redis.call('SET', STAGING, ARGV[2])
return 'done'
