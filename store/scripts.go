package store

import "github.com/redis/go-redis/v9"

// scripts are the few steps that must be atomic. Each may run twice, because a client repeats a
// script whose reply was lost; so each recognises its own work and answers the same again. None
// takes a blob: a value passed through Lua costs four times a plain SET.
type scripts struct {
	acquire, flip, restore, trim *redis.Script
}

func newScripts() scripts {
	return scripts{
		acquire: redis.NewScript(acquireLua),
		flip:    redis.NewScript(flipLua),
		restore: redis.NewScript(restoreLua),
		trim:    redis.NewScript(trimLua),
	}
}

// Numbers are written with %.0f: Lua would print large ones with an exponent.
//
// KEYS: owner, head. ARGV: owner word, by. Answers epoch and head.
const acquireLua = `
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local head = redis.call('GET', KEYS[2])
local epoch = tonumber(owner[1] or '0')
if owner[2] ~= ARGV[1] then
  if head then epoch = math.max(epoch, cjson.decode(head).epoch) end
  epoch = epoch + 1
  redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', epoch), 'owner', ARGV[1], 'by', ARGV[2])
end
return {string.format('%.0f', epoch), head or ''}
`

// KEYS: owner, head, served, index, the candidate's three.
// ARGV: epoch and word the owner must have, head it must be (” for none), new head, seq, serve (1
// or 0), then epoch, word and by of the owner from now on (an empty epoch keeps the owner).
const flipLua = `
local head = redis.call('GET', KEYS[2])
if head == ARGV[4] then return 'OK' end
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local epoch = tonumber(owner[1] or '0')
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
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local epoch = tonumber(owner[1] or '0')
local mine = tonumber(ARGV[1])
if epoch > mine or (epoch == mine and owner[2] ~= ARGV[2]) then return 'FENCED' end
if epoch < mine then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'owner', ARGV[2], 'by', ARGV[3])
end
return 'OK'
`

// KEYS: owner, head, served, pinned, index, then the keys to delete.
// ARGV: epoch, word, number of candidates, their names, then the index members to remove. What
// became head, served or pinned since the caller looked stops it, so that a rollback never finds
// its target half deleted.
const trimLua = `
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
for i = 6, #KEYS do redis.call('UNLINK', KEYS[i]) end
for i = 4 + candidates, #ARGV do redis.call('ZREM', KEYS[5], ARGV[i]) end
return 'OK'
`
