package features

import "testing"

// TestVocabularyOfBefore: values that were learned as 1.0 go on as 1, where there was no 1.
func TestVocabularyOfBefore(t *testing.T) {
	columns := []Column{DefaultColumn("shop", Category), DefaultColumn("size", Category)}
	before := newExtractor(t, columns...)
	for _, texts := range [][2]string{{"a", "1"}, {"1.0", "1.0"}, {"2.00", "2.0"}, {"1.10", "1.00"}, {"3", "007.0"}} {
		before.Observe(event(texts[0], texts[1]))
	}
	after := newExtractor(t, columns...)
	if err := restore(after, snapshot(before)); err != nil {
		t.Fatal(err)
	}
	for i, names := range [][]string{{"a", "1", "2", "1.10", "3"}, {"1", "1.0", "2", "1.00", "007.0"}} {
		for k, name := range names {
			if got := after.categories.words.value(i, k); got != name {
				t.Errorf("category %d, value %d is %q, want %q", i, k, got, name)
			}
			found := after.categories.words.find(i, hash64(after.categories.all[i].seed, []byte(name)))
			if found != k {
				t.Errorf("category %d, %q is value %d, want %d", i, name, found, k)
			}
		}
	}
	if old := after.categories.words.find(0, hash64(after.categories.all[0].seed, []byte("1.0"))); old >= 0 {
		t.Errorf("1.0 is still value %d", old)
	}
	again := newExtractor(t, columns...)
	if err := restore(again, snapshot(after)); err != nil {
		t.Errorf("what was renamed is not restored: %v", err)
	}
}
