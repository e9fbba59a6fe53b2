-- Takes the lease, or keeps it. ARGV: token, time to live in ms. Answers 1, or 0 where another has it.
local owner = redis.call('GET', LEASE)
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', LEASE, ARGV[1], 'PX', ARGV[2])
return 1
