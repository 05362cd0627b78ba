package elastic_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"xunqin/search"
	"xunqin/search/elastic"
	"xunqin/search/elastic/elastictest"
)

// node asks the server itself, and wants success.
func node(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, elastictest.Host(t)+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s (%v)", method, path, res.StatusCode, b, err)
	}
	return string(b)
}

// lose puts a copy in the place of the index for which the server has room under these settings alone: shards without room
// are without a node, as when the one that had them has gone.
func lose(t *testing.T, cfg elastic.Config, settings string) {
	t.Helper()
	var at map[string]any
	if err := json.Unmarshal([]byte(node(t, "GET", "/_alias/"+cfg.Index, "")), &at); err != nil || len(at) != 1 {
		t.Fatalf("%v, %v", at, err)
	}
	for index := range at {
		node(t, "PUT", "/"+index+"/_block/write", "")
		node(t, "POST", "/"+index+"/_clone/"+index+"0?wait_for_active_shards=0", `{"settings": {"index.blocks.write": null, `+settings+`}}`)
		node(t, "POST", "/_aliases", fmt.Sprintf(`{"actions": [{"remove": {"index": %[1]q, "alias": %[2]q}}, {"add": {"index": "%[1]s0", "alias": %[2]q}}]}`, index, cfg.Index))
		t.Cleanup(func() { // until here its shards are what the copy's are made of
			r, err := http.NewRequest("DELETE", elastictest.Host(t)+"/"+index, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		})
	}
}

// eventually waits until a condition holds: shards move after the call that moves them.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// asked asks everything an index can be asked, and gives the errors by what was asked.
func asked(t *testing.T, x search.Index) map[string]error {
	t.Helper()
	errs := make(map[string]error)
	_, errs["find"] = x.Find(t.Context(), search.Text("张三"), search.Page{})
	_, errs["facets"] = x.Facets(t.Context(), search.And{}, search.Facet{})
	_, errs["similar"] = x.Similar(t.Context(), search.Fingerprint{Algo: "a", Bits: make([]byte, 8)}, 3)
	_, errs["votes"] = x.Votes(t.Context(), search.Features{Algo: "f", Points: make([]search.Point, 1)}, 1)
	_, errs["info"] = x.Info(t.Context())
	return errs
}

// photographed has all that is asked for.
func photographed(id string) search.Doc {
	d := post(id, "张三在泉州")
	d.Photos = []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{{Algo: "a", Bits: make([]byte, 8)}}, Features: []search.Features{{Algo: "f", Points: make([]search.Point, 1)}}}}
	return d
}

// One of three shards is gone: what words find in the others is shown as a part, and no lead is missed for want of the third.
func TestHalfAnAnswerSaysSo(t *testing.T) {
	cfg := elastictest.Config(t)
	cfg.Shards, cfg.Timeout = 3, 20*time.Second
	x := elastictest.Open(t, cfg)
	var docs []search.Doc
	for i := range 60 {
		docs = append(docs, photographed(fmt.Sprintf("%02d", i)))
	}
	put(t, x, docs...)
	r, err := x.Find(t.Context(), search.Text("张三"), search.Page{Limit: 100, Count: 100})
	if err != nil || r.Partial || r.Missing != 0 || r.Total != 60 {
		t.Fatalf("whole: %d, partial %v, missing %v (%v)", r.Total, r.Partial, r.Missing, err)
	}
	lose(t, cfg, `"index.routing.allocation.total_shards_per_node": 2`)
	eventually(t, "an answer of two shards", func() bool {
		r, err = x.Find(t.Context(), search.Text("张三"), search.Page{Limit: 100, Count: 100})
		return err == nil && r.Partial && r.Missing < 0.34
	})
	if !r.Partial || r.Missing < 0.33 || len(r.Found) == 0 || len(r.Found) >= 60 || r.Total != len(r.Found) {
		t.Errorf("of two shards: %d of %d, partial %v, missing %v", len(r.Found), r.Total, r.Partial, r.Missing)
	}
	for what, err := range asked(t, x) {
		if what == "find" {
			continue
		}
		if !errors.Is(err, search.ErrUnavailable) {
			t.Errorf("%s of two shards: %v", what, err)
		}
	}
	node(t, "PUT", "/"+cfg.Index+"/_settings", `{"index.routing.allocation.total_shards_per_node": -1}`)
	eventually(t, "a whole answer", func() bool {
		r, err = x.Find(t.Context(), search.Text("张三"), search.Page{Limit: 100, Count: 100})
		return err == nil && !r.Partial && r.Total == 60
	})
}
