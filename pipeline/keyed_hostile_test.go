package pipeline

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
	"millrace/decode"
	"millrace/join"
)

// hostileLabels are label records that cannot be used, and why: they come with a key of their own.
var hostileLabels = []struct{ value, reason string }{
	{`{"id":"e1","outcome":`, "malformed_json"},
	{`e1,fraud`, "malformed_json"},
	{"\xff\xfe\x00", "malformed_json"},
	{`{"id":"e1","outcome":"fraud"} trailing`, "malformed_json"},
	{``, "empty"},
	{`null`, "not_an_object"},
	{`["e1","fraud"]`, "not_an_object"},
	{`{"outcome":"fraud"}`, "missing_id"},
	{`{"id":null,"outcome":"fraud"}`, "missing_id"},
	{`{"id":"","outcome":"fraud"}`, "missing_id"},
	{`{"id":{"of":"e1"},"outcome":"fraud"}`, "bad_id"},
	{`{"id":1.5,"outcome":"fraud"}`, "bad_id"},
	{`{"id":true,"outcome":"fraud"}`, "bad_id"},
	{`{"id":"` + strings.Repeat("e", 5000) + `","outcome":"fraud"}`, "text_too_long"},
	{`{"id":"e1"}`, "missing_label"},
	{`{"id":"e1","outcome":null}`, "missing_label"},
	{`{"id":"e1","outcome":"who knows"}`, "unknown_class"},
	{`{"id":"e1","outcome":"FRAUD"}`, "unknown_class"},
	{`{"id":"e1","outcome":7}`, "unknown_class"},
	{`{"id":"e1","outcome":["fraud"]}`, "bad_label"},
	{`{"id":"e1","id":"e2","outcome":"fraud"}`, "duplicate_key"},
	{`{"id":"e1","outcome":"fraud","outcome":"legit"}`, "duplicate_key"},
	{`{"id":"e1","outcome":"fraud","deep":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, "too_deep"},
	{`{"id":"e1","outcome":"fraud","pad":"` + strings.Repeat("x", 1<<20) + `"}`, "too_large"},
}

// writeLabels writes label records, each a millisecond after the one before. A nil value is a tombstone.
func (r *rig) writeLabels(at time.Time, records []*kgo.Record) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.servers.kafka.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(4<<20))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	for i, rec := range records {
		rec.Topic, rec.Timestamp = r.pipeline.Label.Topic, at.Add(time.Duration(i)*time.Millisecond)
	}
	if err := client.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// TestHostileLabels: a label record that cannot be used is a dead letter of the labels topic with its reason, its
// source and its bytes; it stops nothing, joins nothing, and is counted under one name.
func TestHostileLabels(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	var all []stamped
	for i := range 40 {
		at := base.UnixMilli() + int64(i)*10
		all = append(all, stamped{"loop.events", 0, at, fmt.Sprintf(`{"id":"e%d","time":%d,"amount":%d,"card":"c"}`, i, at, i)})
	}
	r.write(all)
	var labels []*kgo.Record
	for _, h := range hostileLabels {
		labels = append(labels, &kgo.Record{Key: []byte("mine"), Value: []byte(h.value)})
	}
	labels = append(labels, &kgo.Record{Key: []byte("mine")}) // a tombstone
	for i := range 30 {
		labels = append(labels, &kgo.Record{Value: fmt.Appendf(nil, `{"id":"e%d","outcome":"fraud"}`, i)})
	}
	r.writeLabels(base.Add(time.Second), labels)
	r.run(false, r.appliedAll)

	m := r.head().Manifest
	if want := map[string]uint64{"joined": 30, "label_joined": 30, "label_rejected": uint64(len(hostileLabels) + 1)}; !maps.Equal(m.Names, want) {
		t.Errorf("names %v, want %v", m.Names, want)
	}
	dead := r.read("loop.labels.dead")
	if len(dead) != len(hostileLabels)+1 {
		t.Fatalf("%d dead letters, want %d", len(dead), len(hostileLabels)+1)
	}
	for i, rec := range dead {
		value, reason := "", "empty"
		if i < len(hostileLabels) {
			value, reason = hostileLabels[i].value, hostileLabels[i].reason
		}
		if got := headerOf(&rec, "millrace-reason"); got != reason {
			t.Errorf("%.60q: %s, want %s", value, got, reason)
		}
		if got, want := headerOf(&rec, "millrace-source"), fmt.Sprintf("loop.labels/0/%d", i); got != want || string(rec.Key) != "mine" {
			t.Errorf("%.60q: it is %s of %s, want %s", value, rec.Key, got, want)
		}
		whole := headerOf(&rec, millrace.HeaderTruncated) == "" // what is too large for a dead letter is cut
		if !strings.HasPrefix(value, string(rec.Value)) || whole != (len(rec.Value) == len(value)) || whole != (len(value) < 900<<10) {
			t.Errorf("%.60q: it holds %d of %d bytes", value, len(rec.Value), len(value))
		}
	}
	if events := r.read("loop.events.dead"); len(events) > 0 {
		t.Errorf("%d events are dead letters", len(events))
	}
}

// TestIDsAreTexts: an id that is a number and one that is a text of the same digits are one, from the record's key too;
// a record without a key says of no event.
func TestIDsAreTexts(t *testing.T) {
	for _, byKey := range []bool{false, true} {
		t.Run(fmt.Sprintf("key %t", byKey), func(t *testing.T) {
			r := newKeyedRig(t, 1, "drop")
			labels := []*kgo.Record{
				{Value: []byte(`{"id":"1","outcome":"fraud"}`)},
				{Value: []byte(`{"id":2,"outcome":"legit"}`)},
				{Value: []byte(`{"id":"03","outcome":"legit"}`)},
				{Value: []byte(`{"id":18446744073709551615,"outcome":"legit"}`)},
			}
			want := map[string]uint64{"joined": 3, "label_joined": 3, "label_early": 1} // "03" and "3.0" are other texts than 3
			if byKey {
				r.pipeline.Label.ID = decode.KeyID
				labels = []*kgo.Record{
					{Key: []byte("1"), Value: []byte(`{"id":"9","outcome":"fraud"}`)},
					{Key: []byte("2"), Value: []byte(`{"outcome":"legit"}`)},
					{Key: []byte("3.0"), Value: []byte(`{"outcome":"legit"}`)},
					{Key: []byte("18446744073709551615"), Value: []byte(`{"outcome":"legit"}`)},
					{Value: []byte(`{"id":"3","outcome":"legit"}`)},
					{Key: []byte{}, Value: []byte(`{"id":"3","outcome":"legit"}`)},
				}
				want["label_rejected"] = 2
			}
			base := time.Now().Add(-time.Hour).Truncate(time.Second)
			var all []stamped
			for i, id := range []string{`1`, `"2"`, `3`, `"18446744073709551615"`} {
				at := base.UnixMilli() + int64(i)
				all = append(all, stamped{"loop.events", 0, at, fmt.Sprintf(`{"id":%s,"time":%d,"amount":1,"card":"c"}`, id, at)})
			}
			r.write(all)
			r.writeLabels(base.Add(time.Second), labels)
			r.run(false, r.appliedAll)
			if m := r.head().Manifest; !maps.Equal(m.Names, want) {
				t.Errorf("names %v, want %v", m.Names, want)
			}
			if !byKey {
				return
			}
			dead := r.read("loop.labels.dead")
			if len(dead) != 2 || headerOf(&dead[0], "millrace-reason") != "missing_id" || headerOf(&dead[1], "millrace-reason") != "missing_id" {
				t.Errorf("dead letters %+v", dead)
			}
		})
	}
}

// TestLongestIDs: an id of as many bytes as limits.text allows is joined, over a crash too.
func TestLongestIDs(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	longest := strings.Repeat("i", min(int(r.pipeline.Limits.Text), join.IDBytesMax))
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	at := base.UnixMilli()
	r.write([]stamped{{"loop.events", 0, at, fmt.Sprintf(`{"id":%q,"time":%d,"amount":1,"card":"c"}`, longest, at)}})
	r.run(false, r.appliedAll)
	r.writeLabels(base.Add(time.Second), []*kgo.Record{{Value: fmt.Appendf(nil, `{"id":%q,"outcome":"fraud"}`, longest)}})
	r.run(false, r.appliedAll)
	if got := r.head().Manifest.Names; got["joined"] != 1 || got["lost"] != 0 {
		t.Errorf("names %v", got)
	}
}
