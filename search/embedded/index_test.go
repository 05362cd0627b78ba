package embedded

import (
	"path/filepath"
	"testing"

	"xunqin/search"
	"xunqin/search/searchtest"
)

func open(t testing.TB, path string) *Index {
	t.Helper()
	return opened(t)(Open(t.Context(), path))
}

// openSmall makes segments of as few as three pictures, and snapshots after as few as five changes.
func openSmall(t testing.TB, path string) *Index {
	t.Helper()
	return opened(t)(openAt(t.Context(), path, 3, 5))
}

func opened(t testing.TB) func(*Index, error) *Index {
	return func(x *Index, err error) *Index {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		})
		return x
	}
}

func TestIndex(t *testing.T) {
	searchtest.Run(t, func(t *testing.T) search.Index {
		return open(t, filepath.Join(t.TempDir(), "index"))
	})
}

// It is behind a Switch, which must make no difference.
func TestIndexOfManySegments(t *testing.T) {
	searchtest.Run(t, func(t *testing.T) search.Index {
		return search.NewSwitch(openSmall(t, filepath.Join(t.TempDir(), "index")))
	})
}
