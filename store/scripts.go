package store

import "github.com/redis/go-redis/v9"

// scripts are the few steps that must be atomic. Each may run twice, because a client repeats a
// script whose reply was lost; so each recognises its own work and answers the same again. None
// takes a blob: a value passed through Lua costs four times a plain SET. A script that fails halfway
// keeps what it has written, so each looks at the types of its keys before it writes anything.
type scripts struct {
	acquire, flip, restore, trim, repair *redis.Script
}

func newScripts() scripts {
	return scripts{
		acquire: redis.NewScript(commonLua + acquireLua),
		flip:    redis.NewScript(commonLua + flipLua),
		restore: redis.NewScript(commonLua + restoreLua),
		trim:    redis.NewScript(commonLua + trimLua),
		repair:  redis.NewScript(commonLua + repairLua),
	}
}

// What all scripts share. mistyped answers 'TYPE', the key, its type and the right one for the first key
// that holds something of another type. stored is an epoch as the owner's hash has it; what is no
// number counts as none, as the Go side has it, since the next epoch is larger anyway.
//
// Numbers are written with %.0f: Lua would print large ones with an exponent.
const commonLua = `
local function mistyped(...)
  for i, right in ipairs({...}) do
    local is = redis.call('TYPE', KEYS[i]).ok
    if is ~= 'none' and is ~= right then return 'TYPE ' .. KEYS[i] .. ' ' .. is .. ' ' .. right end
  end
end
local function stored(text)
  if not text or #text > 16 or not string.match(text, '^%d+$') then return 0 end
  local epoch = tonumber(text)
  if epoch > 9007199254740992 then return 0 end
  return epoch
end
local function plain(number) return string.format('%.0f', number) end
`

// KEYS: owner, head, served, index. ARGV: owner word, by, the least epoch (the caller's clock in
// milliseconds, or more), anew (1 or 0). Answers 'OK', epoch and head; or why not, with nothing changed:
// 'TYPE …', 'UNREADABLE' (head is no pointer) or 'HEADLESS' (there are versions, and no head). With anew
// the caller does not go on from the head, so it need not be there or be readable.
//
// An epoch is larger than every one before, also when the store has lost what it knew: then the clocks,
// its own and the caller's, stand for it.
const acquireLua = `
local bad = mistyped('hash', 'string', 'string', 'zset')
if bad then return {bad} end
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local head = redis.call('GET', KEYS[2])
local epoch = stored(owner[1])
if owner[2] == ARGV[1] then return {'OK', plain(epoch), head or ''} end
local readable, pointer = false, nil
if head then
  readable, pointer = pcall(cjson.decode, head)
  readable = readable and type(pointer) == 'table' and type(pointer.epoch) == 'number'
end
if ARGV[4] ~= '1' then
  if head and not readable then return {'UNREADABLE', head} end
  if not head and redis.call('EXISTS', KEYS[3], KEYS[4]) > 0 then return {'HEADLESS'} end
end
if readable and pointer.epoch <= 9007199254740992 then epoch = math.max(epoch, pointer.epoch) end
local time = redis.call('TIME')
epoch = math.max(epoch + 1, tonumber(ARGV[3]), tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
redis.call('HSET', KEYS[1], 'epoch', plain(epoch), 'owner', ARGV[1], 'by', ARGV[2])
return {'OK', plain(epoch), head or ''}
`

// KEYS: owner, head, served, index, the candidate's three.
// ARGV: epoch and word the owner must have, head it must be (empty for none), new head, seq, serve (1
// or 0), then epoch, word and by of the owner from now on (an empty epoch keeps the owner).
const flipLua = `
local bad = mistyped('hash', 'string', 'string', 'zset', 'string', 'string', 'string')
if bad then return bad end
local head = redis.call('GET', KEYS[2])
if head == ARGV[4] then return 'OK' end
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local epoch = stored(owner[1])
local mine = tonumber(ARGV[1])
if epoch < mine then return 'LOST' end
if epoch > mine or (owner[2] or '') ~= ARGV[2] then return 'FENCED' end
if (head or '') ~= ARGV[3] then return 'HEAD' end
if redis.call('EXISTS', KEYS[5], KEYS[6], KEYS[7]) ~= 3 then return 'GONE' end
for i = 5, 7 do redis.call('PERSIST', KEYS[i]) end
redis.call('SET', KEYS[2], ARGV[4])
if ARGV[6] == '1' then redis.call('SET', KEYS[3], ARGV[4]) end
redis.call('ZADD', KEYS[4], ARGV[5], ARGV[4])
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[7], 'owner', ARGV[8], 'by', ARGV[9])
end
return 'OK'
`

// KEYS: owner. ARGV: epoch, word, by. Puts back an epoch that a failover lost.
const restoreLua = `
local bad = mistyped('hash')
if bad then return bad end
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local epoch = stored(owner[1])
local mine = tonumber(ARGV[1])
if epoch > mine or (epoch == mine and owner[2] ~= ARGV[2]) then return 'FENCED' end
if epoch < mine then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'owner', ARGV[2], 'by', ARGV[3])
end
return 'OK'
`

// KEYS: owner, head, served, pinned, index, sizes, then the keys to delete.
// ARGV: epoch, word, number of candidates, their names, then the index members to remove. What
// became head, served or pinned since the caller looked stops it, so that a rollback never finds
// its target half deleted.
const trimLua = `
local bad = mistyped('hash', 'string', 'string', 'set', 'zset', 'hash')
if bad then return bad end
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
if owner[1] ~= ARGV[1] or owner[2] ~= ARGV[2] then return 'FENCED' end
local head = redis.call('GET', KEYS[2]) or ''
local served = redis.call('GET', KEYS[3]) or ''
local candidates = tonumber(ARGV[3])
for i = 4, 3 + candidates do
  local field = '"candidate":"' .. ARGV[i] .. '"'
  if string.find(head, field, 1, true) or string.find(served, field, 1, true)
    or redis.call('SISMEMBER', KEYS[4], ARGV[i]) == 1 then
    return 'CHANGED'
  end
end
for i = 7, #KEYS do redis.call('UNLINK', KEYS[i]) end
for i = 4, 3 + candidates do redis.call('HDEL', KEYS[6], ARGV[i]) end
for i = 4 + candidates, #ARGV do redis.call('ZREM', KEYS[5], ARGV[i]) end
return 'OK'
`

// KEYS: owner, head, served, index, pinned, then the names under which those of a wrong type are set aside.
// ARGV: head and served as the caller saw them (empty for none that can be read), what they become (empty to leave
// them), the numbers of members to add and to remove, seq and member of each to add, the members to remove, then pins
// to remove.
const repairLua = `
local right = {'hash', 'string', 'string', 'zset', 'set'}
local aside = {}
for i, kind in ipairs(right) do
  local is = redis.call('TYPE', KEYS[i]).ok
  aside[i] = is ~= 'none' and is ~= kind
end
local function seen(i)
  if aside[i] then return '' end
  return redis.call('GET', KEYS[i]) or ''
end
if seen(2) ~= ARGV[1] or seen(3) ~= ARGV[2] then return 'CHANGED' end
for i = 1, 5 do
  if aside[i] then redis.call('RENAME', KEYS[i], KEYS[i + 5]) end
end
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3]) end
if ARGV[4] ~= '' then redis.call('SET', KEYS[3], ARGV[4]) end
local at, added, removed = 7, tonumber(ARGV[5]), tonumber(ARGV[6])
for i = 1, added do
  redis.call('ZADD', KEYS[4], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for i = 1, removed do
  redis.call('ZREM', KEYS[4], ARGV[at])
  at = at + 1
end
for i = at, #ARGV do redis.call('SREM', KEYS[5], ARGV[i]) end
return 'OK'
`
