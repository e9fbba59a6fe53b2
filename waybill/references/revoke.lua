#!lua flags=allow-oom
-- Forgets a subject's records and remembers the revision, also where memory is full: it frees some.
-- KEYS: index of the subject's records, revision of its last revocation
-- ARGV: revision, time in ms for which records below it may still come
for _, record in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('UNLINK', record)
end
redis.call('UNLINK', KEYS[1])
local revoked = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[1]))
redis.call('SET', KEYS[2], string.format('%.0f', revoked), 'PX', ARGV[2])
return 1
