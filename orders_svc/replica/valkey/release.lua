-- Lets go of the lease, if it is ours, and of what we have staged. ARGV: token
if not holds_lease(ARGV[1]) then return 0 end
local meta = described()
redis.call('UNLINK', LEASE, STAGING, slot_key(meta and meta.spare or 'a'))
return 1
