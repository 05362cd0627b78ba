package bench_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/cmd/xunqin/internal/cli"
)

func TestIndexBenchmarkPrintsALineACase(t *testing.T) {
	for _, c := range []struct {
		bits  string
		radii []int
	}{{"64", []int{10, 12}}, {"256", []int{31, 48, 60}}} {
		var out, errs strings.Builder
		args := []string{"bench", "index", "--n", "3000", "--bits", c.bits, "--clustered", "--python", "no-such-interpreter", "--json"}
		if status := cli.Run(t.Context(), &cli.Env{Stdout: &out, Stderr: &errs, Dir: t.TempDir(), Lang: "en"}, args); status != 0 {
			t.Fatalf("status %d: %s", status, errs.String())
		}
		var radii []int
		for lines := json.NewDecoder(strings.NewReader(out.String())); ; {
			var m map[string]any
			if err := lines.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			radii = append(radii, int(m["radius"].(float64)))
			if m["recall"] != 1. || m["n"] != 3000. {
				t.Errorf("%v", m)
			}
			for _, name := range []string{"ms", "bytes_each", "load_s", "insert_per_s"} {
				if v, ok := m[name].(float64); !ok || v <= 0 {
					t.Errorf("%s is %v", name, m[name])
				}
			}
			for _, name := range []string{"faiss_flat_ms", "faiss_multihash_ms"} {
				if v, ok := m[name]; !ok || v != nil {
					t.Errorf("without faiss %s is %v", name, v)
				}
			}
		}
		if d := cmp.Diff(c.radii, radii); d != "" {
			t.Errorf("%s bits (-want +got):\n%s", c.bits, d)
		}
	}
}
