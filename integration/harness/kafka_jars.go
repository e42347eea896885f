package harness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// kafkaLib returns the folder with the broker's jars, fetching them with Maven when this machine has none yet. The
// folder is named by the pom's hash, so another version is another folder. MILLRACE_KAFKA_LIB names one to use instead.
func kafkaLib(ctx context.Context) (string, error) {
	if lib := os.Getenv("MILLRACE_KAFKA_LIB"); lib != "" {
		if !hasJars(lib) {
			return "", fmt.Errorf("MILLRACE_KAFKA_LIB is %s, which holds no kafka_*.jar", lib)
		}
		return lib, nil
	}
	root, err := RepoRoot()
	if err != nil {
		return "", err
	}
	pomPath := filepath.Join(root, "integration", "kafka", "pom.xml")
	pom, err := os.ReadFile(pomPath)
	if err != nil {
		return "", fmt.Errorf("reading the list of Kafka's jars: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache folder for Kafka's jars: %w", err)
	}
	lib := filepath.Join(cache, "millrace", fmt.Sprintf("kafka-%x", sha256.Sum256(pom))[:18])
	if err := os.MkdirAll(filepath.Dir(lib), 0o755); err != nil {
		return "", fmt.Errorf("making a cache folder for Kafka's jars: %w", err)
	}
	// Test binaries of several packages may start at once on a new machine; one fetches, the others wait.
	unlock, err := lockFile(lib + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if hasJars(lib) {
		return lib, nil
	}
	return lib, fetchJars(ctx, pomPath, lib)
}

func hasJars(lib string) bool {
	jars, err := filepath.Glob(filepath.Join(lib, "kafka_*.jar"))
	return err == nil && len(jars) > 0
}

// fetchJars lets Maven copy the pom's dependencies into a temporary folder and renames it to lib, so that a fetch that
// was interrupted is never taken for a complete one.
func fetchJars(ctx context.Context, pom, lib string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("fetching Kafka's jars needs Maven (apt-get install maven), " +
			"or name a folder that holds them in MILLRACE_KAFKA_LIB, or a running broker in MILLRACE_TEST_KAFKA")
	}
	partial, err := os.MkdirTemp(filepath.Dir(lib), "kafka-partial-")
	if err != nil {
		return fmt.Errorf("fetching Kafka's jars: %w", err)
	}
	defer os.RemoveAll(partial)
	cmd := exec.CommandContext(ctx, mvn, "-B", "-ntp", "-q", "-f", pom,
		"dependency:copy-dependencies", "-DoutputDirectory="+partial)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching Kafka's jars with Maven: %w\n%s", err, out)
	}
	if !hasJars(partial) {
		return fmt.Errorf("fetching Kafka's jars: Maven brought no kafka_*.jar for %s", pom)
	}
	if err := os.Rename(partial, lib); err != nil {
		return fmt.Errorf("keeping Kafka's jars: %w", err)
	}
	return nil
}

// lockFile takes an exclusive lock that ends with this process, and returns how to give it back earlier.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
