package crawler

import (
	"net/url"
	"testing"
)

func TestCollectorIsSetInCodeAlone(t *testing.T) {
	for k, v := range map[string]string{
		"COLLY_IGNORE_ROBOTSTXT": "yes", "COLLY_MAX_BODY_SIZE": "3", "COLLY_ALLOWED_DOMAINS": "example.org", "COLLY_DISALLOWED_DOMAINS": "h.example",
		"COLLY_CACHE_DIR": "/nowhere", "COLLY_USER_AGENT": "other", "COLLY_MAX_REQUESTS": "1", "COLLY_DETECT_CHARSET": "yes",
	} {
		t.Setenv(k, v)
	}
	d := &Door{Version: "1"}
	d.setUp()
	f := &Fetcher{door: d}
	u := &url.URL{Scheme: "https", Host: "h.example"}
	c := f.collectorFor(u)
	if c.IgnoreRobotsTxt || !c.AllowURLRevisit || c.MaxBodySize != 0 || len(c.AllowedDomains)+len(c.DisallowedDomains) != 0 || c.CacheDir != "" ||
		c.UserAgent != "xunqin/1" || c.MaxRequests != 0 || c.DetectCharset || !c.ParseHTTPErrorResponse {
		t.Errorf("got %+v", c)
	}
	if f.collectorFor(u) != c {
		t.Error("one run has two collectors for one origin")
	}
	if (&Fetcher{door: d}).collectorFor(u) == c {
		t.Error("two runs share a collector")
	}
}
