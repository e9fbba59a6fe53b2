-- Something is missing from the copy, wherever it is. ARGV: token
if not holds_lease(ARGV[1]) then return 'taken' end
if redis.call('EXISTS', META) == 1 then redis.call('HSET', META, 'ready', '0') end
return 'done'
