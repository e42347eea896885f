//go:build integration

package integration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"millrace/store"
)

// stateFolders are what may become of a learner's state folder between two of its lives.
var stateFolders = map[string]func(t *testing.T, random *rand.Rand, folder, copied string){
	"kept": func(*testing.T, *rand.Rand, string, string) {},
	"deleted": func(t *testing.T, random *rand.Rand, folder, _ string) {
		if random.IntN(2) == 0 {
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
		}
	},
	"older": func(t *testing.T, random *rand.Rand, folder, copied string) {
		if random.IntN(3) > 0 {
			if _, err := os.Stat(folder); err == nil {
				replaceFolder(t, folder, copied)
			}
			return
		}
		if _, err := os.Stat(copied); err == nil {
			replaceFolder(t, copied, folder)
		}
	},
}

// replaceFolder makes to a copy of from.
func replaceFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o700); err != nil {
		t.Fatal(err)
	}
}

// checkShortcuts fails unless learners that had a state folder have begun with what it held.
func (p *pipeline) checkShortcuts(folder string) {
	p.t.Helper()
	all := strings.Join(p.told, "")
	used := strings.Count(all, "state by key was made from a checkpoint")
	must := folder == "kept" || folder == "mixed" && len(p.told) >= 20 // else it may be nobody's luck
	if must && used == 0 || folder == "" && used > 0 {
		p.t.Errorf("%d learners of %d began with a checkpoint", used, len(p.told))
	}
	p.t.Logf("%d learners of %d began with a checkpoint, %d were not used", used, len(p.told), strings.Count(all, "a checkpoint of state by key is not used"))
}

// mixState has one of all things happen to a state folder between two lives of a learner.
func (p *pipeline) mixState(random *rand.Rand, folder string) {
	p.t.Helper()
	if _, err := os.Stat(folder); err != nil {
		return // there was no life yet
	}
	switch random.IntN(6) {
	case 0:
		stateFolders["deleted"](p.t, random, folder, "")
	case 1:
		stateFolders["older"](p.t, random, folder, folder+".copy")
	case 2:
		p.rollBack(random) // the folder is of a branch that was left
	case 3:
		p.headBack(random, folder) // the folder is ahead of the head
	case 4:
		p.cutCheckpoint(random, folder)
	}
}

// headBack has the store forget the latest flips, as when a learner was killed before them, or a replica that lags has
// taken over. The folder's copy of the newest version goes, too, or that would be put back.
func (p *pipeline) headBack(random *rand.Rand, folder string) {
	p.t.Helper()
	versions, err := p.store.List(p.t.Context(), p.spec.name)
	if err != nil {
		p.t.Fatal(err)
	}
	head, ok := p.head()
	versions = slices.DeleteFunc(versions, func(v store.Version) bool {
		return v.Manifest.Learned == 0 || v.Origin != head.Origin || v.Seq >= head.Seq || v.Epoch != head.Epoch
	})
	if !ok || len(versions) == 0 {
		return
	}
	to := strconv.FormatUint(versions[random.IntN(min(len(versions), 5))].Seq, 10)
	key := "millrace:{" + p.spec.name + "}:"
	pointer := p.redis("ZRANGEBYSCORE", key+"index", to, to)
	for _, name := range []string{"head", "served"} {
		if answer := p.redis("SET", key+name, pointer); answer != "+OK" {
			p.t.Fatalf("setting %s to %q: %s", name, pointer, answer)
		}
	}
	for _, copied := range []string{folder, folder + ".copy"} {
		if err := os.Remove(filepath.Join(copied, p.spec.name, "newest.millrace")); err != nil && !errors.Is(err, os.ErrNotExist) {
			p.t.Fatal(err)
		}
	}
}

// cutCheckpoint leaves only the beginning of the newest checkpoint, as a disk that was full may.
func (p *pipeline) cutCheckpoint(random *rand.Rand, folder string) {
	p.t.Helper()
	path := filepath.Join(folder, p.spec.name, "keyed.checkpoint")
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.Truncate(path, random.Int64N(info.Size()))
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// redis sends the pipeline's store one command. The answer is its last line, or its first bulk string's content.
func (p *pipeline) redis(words ...string) string {
	p.t.Helper()
	address, err := url.Parse(p.spec.redis)
	if err != nil {
		p.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(w), w)
	}
	answers := bufio.NewReader(conn)
	for {
		line, err := answers.ReadString('\n')
		if err != nil {
			p.t.Fatal(err)
		}
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "*") && line != "*0" {
			continue
		}
		if n, bulk := strings.CutPrefix(line, "$"); bulk {
			size, err := strconv.Atoi(n)
			content := make([]byte, max(size, 0))
			if _, readErr := io.ReadFull(answers, content); err != nil || readErr != nil {
				p.t.Fatal(err, readErr)
			}
			return string(content)
		}
		return line
	}
}
