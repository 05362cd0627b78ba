package desk

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"xunqin/pipeline"
	"xunqin/pipeline/record"
	"xunqin/search"
	"xunqin/search/embedded"
)

func TestHealthShowsWhichIndexesThereAre(t *testing.T) {
	s := newSite(t)
	s.person(t, "li", record.Admin)
	b := s.as(t, "li")
	b.get("/account?lang=en")
	shelf := embedded.Shelf{Path: filepath.Join(t.TempDir(), "index.db")}
	x, err := shelf.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	answers := search.NewSwitch(x)
	t.Cleanup(func() {
		if err := answers.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Pipeline.Index, s.Pipeline.Shelves = answers, []search.Shelf{shelf}
	shows := func(when string, want ...string) {
		t.Helper()
		a := b.get("/health")
		for _, w := range want {
			if !strings.Contains(a.body, w) {
				t.Errorf("%s the page does not say %q", when, w)
			}
		}
	}
	shows("at first", "index.db", "grown with the record")
	ctx, stop := context.WithCancel(t.Context())
	_, err = s.Pipeline.Reindex(ctx, "", func(p pipeline.Progress) {
		if p.Phase == pipeline.PhaseBuild {
			shows("during a rebuild", "A new index is being built.", "reading the record")
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	shows("after one that was broken off", "not finished", "grown with the record")
	if _, err := s.Pipeline.Reindex(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	shows("after a rebuild", "kept from before", "built on", "index-")
	b.get("/account?lang=zh-CN")
	shows("in Chinese", "此前的，保留中", "建于")
}
