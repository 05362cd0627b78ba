package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"xunqin/search"
	"xunqin/search/searchtest"
)

func TestEngineKeepsGenerations(t *testing.T) {
	searchtest.RunShelf(t, func(t *testing.T) search.Shelf { return Shelf{filepath.Join(t.TempDir(), "index.db")} })
}

// Files that no list names go, and what is none of the shelf's stays; a list that leads elsewhere is not followed.
func TestShelfTouchesItsOwnFilesAlone(t *testing.T) {
	dir := t.TempDir()
	s := Shelf{filepath.Join(dir, "index.db")}
	x, err := s.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index-left.db", "index-left.db-wal", "index-left.db-abc.points", "index-left.txt", "xunqin.db", "indexed.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if got := strings.Join(left, " "); got != "index-left.txt index.db indexed.db xunqin.db" {
		t.Errorf("left: %s", got)
	}
	for _, elsewhere := range []string{`{"current":{"file":"../index.db"}}`, `{"current":{"file":"xunqin.db"}}`, `{"current":{"file":"index-/../../x.db"}}`, `{"current":`, `{"format":2}`} {
		if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(elsewhere), 0o600); err != nil {
			t.Fatal(err)
		}
		if x, err := s.Open(t.Context(), ""); err == nil {
			t.Errorf("%s is followed", elsewhere)
			x.Close()
		}
		if err := s.Tidy(t.Context()); err == nil {
			t.Errorf("%s is tidied by", elsewhere)
		}
	}
}
