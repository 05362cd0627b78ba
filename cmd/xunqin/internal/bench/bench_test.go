package bench_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"xunqin/cmd/xunqin/internal/cli"
)

// The command at its smallest: that each benchmark does its work and says what it measured, not how fast it is.
func TestEachBenchmarkMeasuresAndNamesItsBaseline(t *testing.T) {
	for _, c := range []struct {
		name, size string
		results    int
		figures    []string
	}{
		{"accept", "2", 1, []string{"page p50", "page p99"}},
		{"decode", "1", 4, []string{"decoded and hashed", "its features", "all that intake makes of it", "image/jpeg alone"}},
		{"intake", "8", 1, []string{"photos", "peak memory, with the site", "in all", "processor time a photo"}},
		{"latency", "1", 2, []string{"transfer to lead p50", "transfer to lead p99"}},
		{"hamming", "20000", 1, []string{"search p50", "search p99"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out, errs strings.Builder
			if status := cli.Run(t.Context(), &cli.Env{Stdout: &out, Stderr: &errs, Dir: t.TempDir(), Lang: "en"}, []string{"bench", c.name, "--size", c.size, "--json"}); status != 0 {
				t.Fatalf("status %d: %s", status, errs.String())
			}
			var got struct {
				Machine struct {
					CPU, Go string
					Cores   int
				}
				Results []struct {
					Bench, What, Baseline, Goal string
					Figures                     []struct {
						Name, Unit string
						Value      float64
					}
					Base  struct{ Value float64 }
					Ratio float64
				}
			}
			if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
				t.Fatal(err)
			}
			if got.Machine.CPU == "" || got.Machine.Go == "" || got.Machine.Cores < 1 {
				t.Errorf("machine %+v", got.Machine)
			}
			if len(got.Results) != c.results {
				t.Fatalf("%d results, want %d", len(got.Results), c.results)
			}
			for _, r := range got.Results {
				if r.Bench != c.name || r.What == "" || r.Baseline == "" || r.Goal == "" || r.Base.Value <= 0 || r.Ratio <= 0 {
					t.Errorf("incomplete: %+v", r)
				}
			}
			var names []string
			for _, f := range got.Results[0].Figures {
				names = append(names, f.Name)
				if f.Value < 0 || f.Unit == "" {
					t.Errorf("figure %+v", f)
				}
			}
			if !slices.Equal(names, c.figures) {
				t.Errorf("figures %q, want %q", names, c.figures)
			}
		})
	}
}
