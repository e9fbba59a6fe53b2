#!lua
-- Files a record, unless its subject was revoked at a higher revision.
-- KEYS: record, index of the subject's records, revision of its last revocation
-- ARGV: value, time to live in ms, revision, most records a subject may have
local revoked = tonumber(redis.call('GET', KEYS[3]) or '0')
if tonumber(ARGV[3]) < revoked then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] -- in microseconds, so that records have an order
local ttl = tonumber(ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ttl)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ttl * 1000, KEYS[1])
local surplus = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if surplus > 0 then
  for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, surplus - 1)) do
    redis.call('UNLINK', oldest)
  end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, surplus - 1)
end
-- The index must outlive its longest-lived record, whatever time to live the others had.
if redis.call('PTTL', KEYS[2]) < ttl then redis.call('PEXPIRE', KEYS[2], ttl) end
return 1
