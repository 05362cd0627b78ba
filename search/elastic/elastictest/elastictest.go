// Package elastictest gives tests an index in a real Elasticsearch, named by XUNQIN_TEST_ELASTIC (such as
// http://127.0.0.1:9200). Where CI is set, it must be there.
package elastictest

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"xunqin/search/elastic"
)

// Host is the server's address. Without one the test is skipped, in CI it fails.
func Host(t testing.TB) string {
	t.Helper()
	h := os.Getenv("XUNQIN_TEST_ELASTIC")
	if h == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("XUNQIN_TEST_ELASTIC is not set, and CI must test on Elasticsearch")
		}
		t.Skip("no Elasticsearch: set XUNQIN_TEST_ELASTIC to a server's URL; deploy/elasticsearch-local/run.sh starts one")
	}
	return h
}

// Config is of an index of its own, dropped when the test ends.
func Config(t testing.TB) elastic.Config {
	t.Helper()
	cfg := elastic.Config{Hosts: []string{Host(t)}, Index: "test-" + strings.ToLower(rand.Text()[:10])}
	t.Cleanup(func() {
		if err := elastic.Drop(context.Background(), cfg); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

// Open opens an index, which is closed when the test ends.
func Open(t testing.TB, cfg elastic.Config) *elastic.Index {
	t.Helper()
	x, err := elastic.Open(t.Context(), cfg)
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

// Unname takes an alias off an index.
func Unname(t testing.TB, host, index, alias string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, host+"/"+index+"/_alias/"+alias, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("alias %s: %s", alias, res.Status)
	}
}

// A Proxy stands before the server and can be stopped, as a node can.
type Proxy struct {
	URL     string
	t       testing.TB
	handler http.Handler
	address string
	server  *httptest.Server // nil while it is stopped
}

// NewProxy starts a proxy that ends with the test.
func NewProxy(t testing.TB) *Proxy {
	t.Helper()
	to, err := url.Parse(Host(t))
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{t: t, handler: httputil.NewSingleHostReverseProxy(to), address: "127.0.0.1:0"}
	p.Start()
	p.URL, p.address = p.server.URL, p.server.Listener.Addr().String()
	t.Cleanup(p.Stop)
	return p
}

// Wrap lets what is asked of the server go through h first.
func (p *Proxy) Wrap(h func(next http.Handler) http.Handler) {
	p.Stop()
	p.handler = h(p.handler)
	p.Start()
}

// Start lets the server be reached, under the address it had.
func (p *Proxy) Start() {
	p.t.Helper()
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.server = httptest.NewUnstartedServer(p.handler)
	p.server.Listener.Close() // never used
	p.server.Listener = l
	p.server.Start()
}

// Stop refuses connections and ends those there are.
func (p *Proxy) Stop() {
	if p.server != nil {
		p.server.CloseClientConnections()
		p.server.Close()
		p.server = nil
	}
}
