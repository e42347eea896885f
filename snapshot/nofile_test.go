package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
)

// TestReadFileOfOtherKind: a file of another kind is said to be none of snapshots, not one with a huge header.
func TestReadFileOfOtherKind(t *testing.T) {
	for _, text := range []string{"", "short", "name: churn\nkafka: embedded\n"} {
		path := filepath.Join(t.TempDir(), "churn.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); !errors.Is(err, millrace.ErrCorrupt) || !strings.Contains(err.Error(), "churn.yaml: it is no snapshot file") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
