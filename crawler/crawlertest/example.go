package crawlertest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Example is a body of the folder of examples of wire formats that may lie
// beside the repository, by its name there ("telegram/channel_page1.html"), and
// false where there is none. dir is the way from the test's folder to the
// repository ("../..").
func Example(t testing.TB, dir, name string) ([]byte, bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "..", "shared", "wire", "examples", filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}
