-- Before every script. KEYS: description, slots a and b, the writer's lease, what is being staged.
local META, LEASE, STAGING = KEYS[1], KEYS[4], KEYS[5]
local FORMAT = '1'

local function slot_key(slot) return slot == 'b' and KEYS[3] or KEYS[2] end

-- The description of the copy, or nil: none, one of another release, or one whose grants are gone.
local function described()
  local names = {'format', 'epoch', 'revision', 'synced_at', 'ready', 'grants', 'slot'}
  local found = redis.call('HMGET', META, unpack(names))
  if found[1] ~= FORMAT then return nil end
  local meta = {}
  for i, name in ipairs(names) do meta[name] = found[i] end
  meta.key = slot_key(meta.slot)
  meta.spare = meta.slot == 'b' and 'a' or 'b'
  if redis.call('HLEN', meta.key) ~= tonumber(meta.grants) then return nil end
  return meta
end

-- Whether the copy is where the writer last saw it; '0', '0' is none.
local function is_at(meta, epoch, revision)
  if not meta then return epoch == '0' end
  return meta.epoch == epoch and meta.revision == revision
end

local function holds_lease(token) return redis.call('GET', LEASE) == token end
