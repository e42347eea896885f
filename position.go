package millrace

import "fmt"

// Position is where reading of a partition goes on: the next offset, of one incarnation of a topic. Offsets begin again
// when a topic is deleted and made anew under its old name, so a position also says which topic it speaks of: by the id
// that the broker gave it, or else by a fingerprint of what was read last. One that says neither was written by a
// former release, or before anything was read; it takes the identity that it is first seen with.
type Position struct {
	Topic       string      `json:"topic"`
	Partition   int32       `json:"partition"`
	Offset      int64       `json:"offset"`
	TopicID     string      `json:"topic_id,omitempty"` // as Kafka's tools write it: 22 characters of URL-safe Base64
	Fingerprint Fingerprint `json:"fingerprint,omitzero"`
}

// Fingerprint tells a batch of records in Kafka's log from any that may stand at its place in another log. The zero
// value is none.
type Fingerprint struct {
	Last int64  `json:"last"` // the batch's last offset
	Time int64  `json:"time"` // the largest timestamp in the batch, Unix milliseconds
	CRC  uint32 `json:"crc"`  // its checksum, CRC-32C
}

func (f Fingerprint) String() string {
	if f == (Fingerprint{}) {
		return "none"
	}
	return fmt.Sprintf("checksum %08x at offset %d", f.CRC, f.Last)
}

// Position is where reading goes on behind the batch.
func (b *Batch) Position() Position {
	return Position{Topic: b.Topic, Partition: b.Partition, Offset: b.To, TopicID: b.TopicID, Fingerprint: b.Fingerprint}
}
