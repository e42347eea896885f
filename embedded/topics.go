package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"time"
)

const (
	createTopicsKey     = 19 // Kafka's API key
	createTopicsVersion = 2  // the last plain one before defaults and tagged fields came
	topicExists         = 36 // Kafka's error code
	// createTopicsTimeout bounds the talk with a broker in the same process.
	createTopicsTimeout = 10 * time.Second
	// createTopicsReplyMax bounds its reply: a name and a message a topic.
	createTopicsReplyMax = 1 << 20
)

// createTopics creates the topics that do not exist, by one request over the wire: seeding the broker
// with topics works for an empty data directory only.
func createTopics(addr string, topics map[string]int) (err error) {
	if len(topics) == 0 {
		return nil
	}
	conn, err := net.DialTimeout("tcp", addr, createTopicsTimeout)
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(time.Now().Add(createTopicsTimeout)); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	if _, err := conn.Write(createTopicsRequest(topics)); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > createTopicsReplyMax {
		return fmt.Errorf("creating topics: reply of %d bytes", n)
	}
	reply := make([]byte, n)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	return checkTopicsReply(reply)
}

// createTopicsRequest lays out CreateTopics version 2, as the Kafka protocol guide has it.
func createTopicsRequest(topics map[string]int) []byte {
	be := binary.BigEndian
	text := func(b []byte, s string) []byte { return append(be.AppendUint16(b, uint16(len(s))), s...) }
	b := make([]byte, 4) // the request's size, filled in at the end
	b = be.AppendUint16(b, createTopicsKey)
	b = be.AppendUint16(b, createTopicsVersion)
	b = be.AppendUint32(b, 1) // correlation id
	b = text(b, "millrace")
	b = be.AppendUint32(b, uint32(len(topics)))
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		b = text(b, name)
		b = be.AppendUint32(b, uint32(max(1, topics[name])))
		b = be.AppendUint16(b, 1) // replicas
		b = be.AppendUint32(b, 0) // no assignments
		b = be.AppendUint32(b, 0) // no settings of its own
	}
	b = be.AppendUint32(b, uint32(createTopicsTimeout.Milliseconds()))
	b = append(b, 0) // not only a validation
	be.PutUint32(b, uint32(len(b)-4))
	return b
}

// checkTopicsReply reads correlation id, throttle time, and name, error code and message of each topic.
func checkTopicsReply(reply []byte) error {
	r := reply
	take := func(n int) []byte {
		if n < 0 || n > len(r) {
			r = nil
			return make([]byte, max(n, 4))
		}
		piece := r[:n]
		r = r[n:]
		return piece
	}
	be := binary.BigEndian
	take(8)
	var errs []error
	for range be.Uint32(take(4)) {
		if len(r) == 0 {
			return errors.New("creating topics: the reply ends early")
		}
		name := string(take(int(be.Uint16(take(2)))))
		code := int16(be.Uint16(take(2)))
		message := ""
		if n := int16(be.Uint16(take(2))); n > 0 {
			message = string(take(int(n)))
		}
		if code != 0 && code != topicExists {
			errs = append(errs, fmt.Errorf("creating topic %q: Kafka error %d %s", name, code, message))
		}
	}
	return errors.Join(errs...)
}
