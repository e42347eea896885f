package millrace_test

import (
	"testing"

	"millrace"
)

// TestParseSource reads what AppendSource writes, and nothing else.
func TestParseSource(t *testing.T) {
	topic, partition, offset, ok := millrace.ParseSource(string(millrace.AppendSource(nil, "a/b", 7, 1<<40)))
	if !ok || topic != "a/b" || partition != 7 || offset != 1<<40 {
		t.Errorf("%s, %d, %d, %t", topic, partition, offset, ok)
	}
	for _, bad := range []string{"", "a", "a/1", "/1/2", "a/1/", "a//2", "a/-1/2", "a/1/-2", "a/2147483648/1", "a/1/9223372036854775808", "a/x/1"} {
		if _, _, _, ok := millrace.ParseSource(bad); ok {
			t.Errorf("%q is read", bad)
		}
	}
}
