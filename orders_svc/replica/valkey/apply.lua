-- Applies changes to a copy that is where the writer saw it last.
-- ARGV: token, epoch and revision of the copy, revision then, and pairs of row and value ('' deletes)
if not holds_lease(ARGV[1]) then return 'taken' end
local meta = described()
if not meta or not is_at(meta, ARGV[2], ARGV[3]) then return 'lost' end
for i = 5, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', meta.key, ARGV[i])
  else
    redis.call('HSET', meta.key, ARGV[i], ARGV[i + 1])
  end
end
redis.call('HSET', META, 'revision', ARGV[4], 'grants', redis.call('HLEN', meta.key))
return 'done'
