package elastic_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/search"
	"xunqin/search/elastic"
	"xunqin/search/elastic/elastictest"
	"xunqin/search/searchtest"
)

func TestSuite(t *testing.T) {
	searchtest.Run(t, func(t *testing.T) search.Index { return elastictest.Open(t, elastictest.Config(t)) })
}

func TestShardsAnswerAsOne(t *testing.T) {
	for _, q := range []string{"张三", "-张三", "kind:post", ""} {
		cfg := elastictest.Config(t)
		cfg.Shards = 3
		x := elastictest.Open(t, cfg)
		var docs []search.Doc
		for i := range 50 {
			d := post(fmt.Sprintf("%02d", i), []string{"张三在泉州", "李四"}[i%2])
			d.At = d.At.Add(time.Duration(i*7%50) * time.Second)
			d.Photos = []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{{Algo: "a", Bits: []byte{0, 0, 0, 0, 0, 0, 0, byte(1<<(i%9) - 1)}}}}}
			docs = append(docs, d)
		}
		put(t, x, docs...)
		query, err := search.Parse(q, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Facets(t.Context(), query, search.Facet{Docs: 30})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(search.CountFacets(docs, query, search.Facet{Docs: 30}).Counts[search.ByKind], got.Counts[search.ByKind]); d != "" {
			t.Errorf("%q (-want +got):\n%s", q, d)
		}
		hits, err := x.Similar(t.Context(), search.Fingerprint{Algo: "a", Bits: make([]byte, 8)}, 7)
		if err != nil || len(hits) != 45 {
			t.Errorf("%d hits, want 45 (%v)", len(hits), err)
		}
	}
}

func post(id, text string) search.Doc {
	return search.Doc{ID: id, Kind: search.KindPost, Text: text, At: time.Date(2011, 1, 25, 0, 0, 0, 0, time.UTC)}
}

func put(t *testing.T, x search.Index, docs ...search.Doc) {
	t.Helper()
	if err := x.Put(t.Context(), docs...); err != nil {
		t.Fatal(err)
	}
}

// ids are those of all documents with some words.
func ids(t *testing.T, x search.Index, text string) string {
	t.Helper()
	r, err := x.Find(t.Context(), search.Text(text), search.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range r.Found {
		list = append(list, f.ID)
	}
	return strings.Join(list, " ")
}

func TestWhatWasFoundBeforeTheNodeWentIsFoundWhenItIsBack(t *testing.T) {
	proxy := elastictest.NewProxy(t)
	cfg := elastictest.Config(t)
	cfg.Hosts = []string{proxy.URL}
	proxy.Stop()
	x := elastictest.Open(t, cfg) // the node is down
	unavailable := func() {
		t.Helper()
		f := search.Fingerprint{Algo: "a", Bits: make([]byte, 8)}
		_, find := x.Find(t.Context(), search.Text("张三"), search.Page{})
		_, facets := x.Facets(t.Context(), search.And{}, search.Facet{})
		_, similar := x.Similar(t.Context(), f, 3)
		_, votes := x.Votes(t.Context(), search.Features{Algo: "f", Points: make([]search.Point, 1)}, 1)
		_, info := x.Info(t.Context())
		for what, err := range map[string]error{"find": find, "facets": facets, "similar": similar, "votes": votes, "info": info, "put": x.Put(t.Context(), post("z", "张三"))} {
			if !errors.Is(err, search.ErrUnavailable) {
				t.Errorf("%s: %v", what, err)
			}
			if err != nil && strings.Contains(err.Error(), "张三") {
				t.Errorf("%s tells the query: %v", what, err)
			}
		}
	}
	unavailable()
	proxy.Start()
	put(t, x, post("a", "张三"))
	proxy.Stop()
	unavailable()
	proxy.Start()
	if got := ids(t, x, "张三"); got != "a" {
		t.Errorf("found %q, want a", got)
	}
}

// A server without room is asked again, for the documents it had none for.
func TestABusyServerIsAskedAgain(t *testing.T) {
	proxy := elastictest.NewProxy(t)
	var refused atomic.Int32
	proxy.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/_bulk") && refused.Add(1) <= 2 {
				if refused.Load() == 1 {
					http.Error(w, `{"error":{"type":"circuit_breaking_exception","reason":"x"},"status":429}`, http.StatusTooManyRequests)
					return
				}
				b, _ := io.ReadAll(r.Body) // one of them was taken
				lines := strings.SplitAfter(string(b), "\n")
				taken := httptest.NewRecorder()
				again := r.Clone(r.Context())
				again.Body, again.ContentLength = io.NopCloser(strings.NewReader(lines[0]+lines[1])), int64(len(lines[0]+lines[1]))
				next.ServeHTTP(taken, again)
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				io.WriteString(w, `{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":429,"error":{"type":"es_rejected_execution_exception"}}},{"index":{"status":429,"error":{"type":"es_rejected_execution_exception"}}}]}`)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	cfg := elastictest.Config(t)
	cfg.Hosts = []string{proxy.URL}
	x := elastictest.Open(t, cfg)
	put(t, x, post("a", "张三"), post("b", "张三"), post("c", "张三"))
	if got := ids(t, x, "张三"); got != "a b c" {
		t.Errorf("found %q, want all three", got)
	}
	if n := refused.Load(); n < 3 {
		t.Errorf("asked %d times", n)
	}
}

// Of two processes that apply changes at once, the late one must not bring back old text. Its look at the mark came first.
func TestALateBatchBringsNothingBack(t *testing.T) {
	proxy := elastictest.NewProxy(t)
	cfg := elastictest.Config(t)
	fast := elastictest.Open(t, cfg)
	if err := fast.Apply(t.Context(), 3, []search.Doc{post("a", "旧"), post("b", "旧")}, nil); err != nil {
		t.Fatal(err)
	}
	looked, goOn := make(chan bool), make(chan bool)
	proxy.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/_bulk") {
				looked <- true
				<-goOn
			}
			next.ServeHTTP(w, r)
		})
	})
	cfg.Hosts = []string{proxy.URL}
	late := elastictest.Open(t, cfg)
	done := make(chan error)
	go func() {
		done <- late.Apply(t.Context(), 5, []search.Doc{post("a", "旧"), post("b", "旧"), post("c", "旧")}, nil)
	}()
	<-looked
	if err := fast.Apply(t.Context(), 8, []search.Doc{post("a", "新")}, []string{"b"}); err != nil {
		t.Fatal(err)
	}
	goOn <- true
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := ids(t, fast, "旧"); got != "c" {
		t.Errorf("old text of %q, want c alone", got)
	}
	if i, err := fast.Info(t.Context()); err != nil || i.Seq != 8 {
		t.Errorf("mark %d, want 8 (%v)", i.Seq, err)
	}
	if err := late.Apply(t.Context(), 5, []search.Doc{post("a", "旧")}, nil); !errors.Is(err, search.ErrBehind) {
		t.Errorf("a change from before the mark: %v", err)
	}
}

func TestEngineKeepsGenerations(t *testing.T) {
	searchtest.RunShelf(t, func(t *testing.T) search.Shelf { return elastic.Shelf{Config: elastictest.Config(t)} })
}

// An index that is open follows the name, as in the processes that did not exchange it.
func TestOtherProcessesSeeTheExchange(t *testing.T) {
	cfg := elastictest.Config(t)
	x, shelf := elastictest.Open(t, cfg), elastic.Shelf{Config: cfg}
	put(t, x, post("old", "张三"))
	if err := shelf.Begin(t.Context(), time.Now(), 0); err != nil {
		t.Fatal(err)
	}
	g, err := shelf.Generations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := shelf.Open(t.Context(), g.Next.Name)
	if err != nil {
		t.Fatal(err)
	}
	photo := post("new", "张三")
	photo.Photos = []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{{Algo: "a", Bits: make([]byte, 8)}}}}
	if err := fresh.Apply(t.Context(), 4, []search.Doc{photo}, nil); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, x, "张三"); got != "old" {
		t.Errorf("before: %q", got)
	}
	now, err := shelf.Promote(t.Context(), fresh)
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, x, "张三"); got != "new" {
		t.Errorf("after: %q", got)
	}
	if i, err := x.Info(t.Context()); err != nil || i.Docs != 1 || i.Prints != 1 || i.Seq != 4 {
		t.Errorf("Info = %+v, %v", i, err)
	}
	if err := errors.Join(x.Purge(t.Context()), now.Close()); err != nil {
		t.Error(err)
	}
}

func TestAnotherRecordsIndexIsNotTouched(t *testing.T) {
	cfg := elastictest.Config(t)
	cfg.Owner = "one"
	put(t, elastictest.Open(t, cfg), post("a", "张三"))
	other := cfg
	other.Owner = "another"
	if _, err := elastic.Open(t.Context(), other); !errors.Is(err, elastic.ErrOwner) {
		t.Errorf("opened by another: %v", err)
	}
	shelf := elastic.Shelf{Config: other}
	if err := shelf.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	if err := shelf.Begin(t.Context(), time.Now(), 0); !errors.Is(err, elastic.ErrOwner) {
		t.Errorf("begun by another: %v", err)
	}
	if got := ids(t, elastictest.Open(t, cfg), "张三"); got != "a" {
		t.Errorf("found %q", got)
	}
}

// A server that only looks like Elasticsearch, or is too old, is told apart; what it says reaches no error.
func TestServersThatWillNotDo(t *testing.T) {
	for _, tt := range []struct {
		name, product, version string
		status                 int
		want                   error
	}{
		{"another", "", "8.18.0", 200, elastic.ErrProduct},
		{"old", "Elasticsearch", "8.14.3", 200, elastic.ErrServerOld},
		{"older", "Elasticsearch", "7.17.28", 200, elastic.ErrServerOld},
		{"refuses", "Elasticsearch", "", 401, elastic.ErrDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Elastic-Product", tt.product)
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `{"version":{"number":%q},"error":{"type":"security_exception","reason":"张三"}}`, tt.version)
			}))
			defer s.Close()
			_, err := elastic.Open(t.Context(), elastic.Config{Hosts: []string{s.URL}})
			if !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "张三") {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for name, cfg := range map[string]elastic.Config{
		"no host":        {},
		"no address":     {Hosts: []string{"127.0.0.1:9200"}},
		"name":           {Hosts: []string{"http://127.0.0.1:1"}, Index: "A/B"},
		"key and user":   {Hosts: []string{"http://127.0.0.1:1"}, User: "u", APIKey: "k"},
		"plain password": {Hosts: []string{"http://search.example:9200"}, User: "u"},
		"password in it": {Hosts: []string{"http://u:p@127.0.0.1:9200"}},
		"shards":         {Hosts: []string{"http://127.0.0.1:1"}, Shards: -1},
	} {
		if _, err := elastic.Open(t.Context(), cfg); !errors.Is(err, elastic.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// More documents than the server gives at once are all found.
func TestSimilarHasNoBound(t *testing.T) {
	x := elastictest.Open(t, elastictest.Config(t))
	var docs []search.Doc
	for i := range 10_100 {
		d := post(fmt.Sprintf("%05d", i), "")
		d.Photos = []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{{Algo: "a", Bits: []byte{0, 0, 0, 0, 0, 0, byte(i % 3), 1}}}}}
		docs = append(docs, d)
	}
	put(t, x, docs...)
	hits, err := x.Similar(t.Context(), search.Fingerprint{Algo: "a", Bits: make([]byte, 8)}, 2)
	if err != nil || len(hits) != 10_100 || hits[0].Distance != 1 || hits[10_099].Distance != 2 {
		t.Errorf("%d hits (%v)", len(hits), err)
	}
}

// Certificates, passwords and keys reach the server: one that is too old says so, one that did not see them refuses.
func TestSecretsGoOverTLS(t *testing.T) {
	var want string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if r.Header.Get("Authorization") != want {
			w.WriteHeader(http.StatusUnauthorized)
		}
		io.WriteString(w, `{"version":{"number":"8.1.0"}}`)
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		cfg    elastic.Config
		header string
	}{
		{elastic.Config{User: "u", Password: "p", CAFile: ca}, "Basic dTpw"},
		{elastic.Config{APIKey: "a2V5", CAFile: ca}, "APIKey a2V5"},
	} {
		tt.cfg.Hosts, want = []string{s.URL}, tt.header
		if _, err := elastic.Open(t.Context(), tt.cfg); !errors.Is(err, elastic.ErrServerOld) {
			t.Errorf("%s: %v", tt.header, err)
		}
	}
	// Without the certificate nothing is sent.
	want = "nothing"
	if _, err := elastic.Open(t.Context(), elastic.Config{Hosts: []string{s.URL}, User: "u", Password: "p"}); !errors.Is(err, elastic.ErrCertificate) {
		t.Errorf("without the certificate: %v", err)
	}
}
