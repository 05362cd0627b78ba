package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"xunqin/cmd/xunqin/internal/app"
)

func TestTheSocketOfADeepFolderIsTakenFromNobodyElse(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	deep := app.Options{Data: filepath.Join(t.TempDir(), strings.Repeat("deep/", 25))}
	path, err := socket(deep)
	if err != nil || len(path) >= 108+len(os.TempDir()) || !strings.HasPrefix(path, os.TempDir()) {
		t.Fatalf("%q, %v", path, err)
	}
	if again, err := socket(deep); err != nil || again != path {
		t.Errorf("again: %q, %v", again, err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := socket(deep); err == nil {
		t.Error("a folder that others can enter is taken")
	}
}
