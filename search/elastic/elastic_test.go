package elastic_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"xunqin/search"
	"xunqin/search/elastic"
	"xunqin/search/searchtest"
)

// host is the Elasticsearch that tests may use.
func host(t *testing.T) string {
	t.Helper()
	h := os.Getenv("XUNQIN_TEST_ELASTIC")
	if h == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("XUNQIN_TEST_ELASTIC is not set")
		}
		t.Skip("XUNQIN_TEST_ELASTIC is not set: no Elasticsearch to test with; deploy/elasticsearch-local/run.sh starts one")
	}
	return h
}

// config is of an index of its own, dropped when the test ends.
func config(t *testing.T) elastic.Config {
	t.Helper()
	cfg := elastic.Config{Hosts: []string{host(t)}, Index: "test-" + strings.ToLower(rand.Text()[:10])}
	t.Cleanup(func() {
		if err := elastic.Drop(context.Background(), cfg); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

func open(t *testing.T, cfg elastic.Config) *elastic.Index {
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

func TestSuite(t *testing.T) {
	searchtest.Run(t, func(t *testing.T) search.Index { return open(t, config(t)) })
}
