-- What the copy is, and rows of it. ARGV: names of rows
local meta = described()
if not meta then return {} end
local rows = #ARGV > 0 and redis.call('HMGET', meta.key, unpack(ARGV)) or {}
return {meta.epoch, meta.revision, meta.synced_at, meta.ready, meta.grants, rows}
