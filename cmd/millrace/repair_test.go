package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"millrace"
	"millrace/store"
)

// redis sends the rig's store one command and returns the first line of the answer.
func (r *rig) redisSays(words ...string) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.redis)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(w), w)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// TestRepairsALostHead: with only the head gone nobody begins anew; repair says what it would do, does it when told to,
// and learning goes on.
func TestRepairsALostHead(t *testing.T) {
	r := newRig(t)
	file := r.file("loop", "distance_km")
	if code, out, _ := verb(t, "snapshots", "repair", "-c", file, "--apply"); code != exitDone || !strings.Contains(out, "nothing to repair") {
		t.Errorf("before anything: %d %s", code, out)
	}
	r.produce(file, 300)
	r.learn(file, learned(300))
	before := decoded[[]store.Version](t, "snapshots", "list", "-c", file)[0]
	if !before.IsHead {
		t.Fatalf("the newest version is %+v", before)
	}
	if got := r.redisSays("DEL", "millrace:{loop}:head"); got != ":1" {
		t.Fatal(got)
	}
	for _, args := range [][]string{{"learn", "-c", file}, {"snapshots", "repair", "-c", file}} {
		code, out, errOut := verb(t, args...)
		if text := out + errOut; code == exitDone && args[0] == "learn" || !strings.Contains(text, "head") || r.redisSays("EXISTS", "millrace:{loop}:head") != ":0" {
			t.Errorf("%v: %d %s", args, code, text)
		}
	}
	done := decoded[store.Repair](t, "snapshots", "repair", "-c", file, "--apply")
	if !done.Applied || done.Head != before.Head || len(done.Faults) == 0 || len(done.Steps) == 0 {
		t.Errorf("repaired %+v, the head was %+v", done, before.Head)
	}
	if out := ok(t, "snapshots", "repair", "-c", file); !strings.Contains(out, "nothing to repair") {
		t.Errorf("after the repair: %s", out)
	}
	r.produce(file, 100)
	r.learn(file, learned(400))
	if after := decoded[[]store.Version](t, "snapshots", "list", "-c", file)[0]; after.Manifest.Learned != 400 || after.Origin != before.Origin {
		t.Errorf("went on to %+v", after)
	}

	// Without any version left there is nothing to put back, and the error says what else there is.
	r.redisSays("FLUSHALL")
	r.redisSays("SET", "millrace:{loop}:served", "rubbish")
	code, out, errOut := verb(t, "snapshots", "repair", "-c", file, "--apply")
	if code != exitFailed || !strings.Contains(errOut, "--state-dir") || !strings.Contains(errOut, "--fresh") || !strings.Contains(out, "rubbish") {
		t.Errorf("with nothing left: %d %s %s", code, out, errOut)
	}
	if got := decoded[[]millrace.Head](t, "snapshots", "list", "-c", file); len(got) != 0 {
		t.Errorf("listed %+v", got)
	}
}
