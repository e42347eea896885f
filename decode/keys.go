package decode

import (
	"bytes"
	"hash/maphash"
)

// keySet finds keys that an object names twice, for keys that no path goes through (those on paths
// have a mark each). It holds all such keys of one event, exactly: at most one for every five bytes
// of the event, so limits.event bounds it. It grows to the largest event met and is then reused.
type keySet struct {
	// The seed is random so that nobody can choose keys that collide. It decides nothing but speed:
	// keys with equal hashes are compared.
	seed   maphash.Seed
	slots  []keySlot
	used   int
	object uint64 // the latest object's number; never starts again, so old slots need no clearing
	first  uint64 // of the current event: slots of lower objects are free
	text   []byte // keys that had to be unescaped
}

type keySlot struct {
	hash   uint64
	object uint64
	offset uint32 // in the event's bytes, or from the event's length on in text
	length uint32
}

// keysAtFirst slots hold most events without growing.
const keysAtFirst = 64

func newKeySet() keySet {
	return keySet{seed: maphash.MakeSeed(), slots: make([]keySlot, keysAtFirst)}
}

// next starts an event.
func (k *keySet) next() {
	k.used = 0
	k.text = k.text[:0]
	k.first = k.object + 1
}

// open starts an object and returns its number.
func (k *keySet) open() uint64 {
	k.object++
	return k.object
}

// unescape returns the key that the raw text s stands for, and its offset for add.
func (k *keySet) unescape(data, s []byte) (key []byte, offset int) {
	start := len(k.text)
	k.text = unescape(k.text, s)
	return k.text[start:], len(data) + start
}

// add enters a key of an object; it reports false when the object has it already.
func (k *keySet) add(data, key []byte, offset int, object uint64) bool {
	if 2*k.used >= len(k.slots) {
		k.grow()
	}
	hash := maphash.Bytes(k.seed, key)
	mask := uint64(len(k.slots) - 1)
	for i := hash ^ object; ; i++ {
		s := &k.slots[i&mask]
		if s.object < k.first {
			*s = keySlot{hash: hash, object: object, offset: uint32(offset), length: uint32(len(key))}
			k.used++
			return true
		}
		if s.hash == hash && s.object == object && bytes.Equal(k.key(data, s), key) {
			return false
		}
	}
}

func (k *keySet) key(data []byte, s *keySlot) []byte {
	if i := int(s.offset); i < len(data) {
		return data[i : i+int(s.length)]
	}
	i := int(s.offset) - len(data)
	return k.text[i : i+int(s.length)]
}

func (k *keySet) grow() {
	old := k.slots
	k.slots = make([]keySlot, 2*len(old))
	mask := uint64(len(k.slots) - 1)
	for _, s := range old {
		if s.object < k.first {
			continue
		}
		i := s.hash ^ s.object
		for k.slots[i&mask].object != 0 {
			i++
		}
		k.slots[i&mask] = s
	}
}
