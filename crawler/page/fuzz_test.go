package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/net/html"

	"xunqin/crawler"
)

func FuzzPage(f *testing.F) {
	f.Add([]byte(`<link rel=canonical href="/a"><article><h1>t</h1><time datetime="2026-01-20">x</time><picture><source srcset="a 2x"><img src=b></picture></article>`))
	f.Add([]byte(`<script type="application/ld+json">{"@type":"Report","about":{"name":"n","image":[{"url":"x"}]},"locationCreated":{"address":{"addressRegion":"r"}}}</script>`))
	f.Add([]byte(`<ul><li><a href="/t/1?utm_source=a">1</a><li><a href="#">2</a></ul><a rel=next href="?page=2">n</a>`))
	f.Add([]byte(`<?xml version="1.0"?><urlset><url><loc>https://h.example/1</loc><lastmod>2026-01-20</lastmod></url></urlset>`))
	f.Add([]byte("Sitemap: https://h.example/s.xml\n\x1f\x8b"))
	var sites []site
	for _, config := range []string{`{"url":"https://h.example/a"}`, `{"url":"https://h.example/a","list":"li"}`, `{"url":"https://h.example/a","item":"li","link":"a","text":"a"}`} {
		s, err := parse(json.RawMessage(config))
		if err != nil {
			f.Fatal(err)
		}
		sites = append(sites, s)
	}
	here, err := url.Parse("https://h.example/a")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(p crawler.Post, err error) {
			if err != nil {
				return
			}
			if p.NativeID == "" || p.Text == "" && len(p.Photos) == 0 {
				t.Errorf("%+v", p)
			}
			for _, photo := range p.Photos {
				if u, err := url.Parse(photo.URL); err != nil || u.Host == "" {
					t.Errorf("%q is no address", photo.URL)
				}
			}
		}
		for _, robots := range []bool{false, true} {
			if _, list, err := parseMap(body, robots); err == nil {
				for _, p := range list {
					if p.Loc == "" && !robots {
						t.Error("a place without an address")
					}
				}
			}
		}
		for _, s := range sites {
			p, _, err := s.one(crawler.Answer{Body: body, Header: http.Header{}}, nil, here, hint{})
			check(p, err)
			doc, err := html.Parse(bytes.NewReader(body))
			if err != nil {
				return
			}
			if s.several(doc) {
				sheet, err := s.sheet(doc, here, "")
				if err != nil {
					return
				}
				for _, e := range sheet.Entries {
					if e.ID == "" || e.Post == nil && e.URL == "" {
						t.Errorf("%+v", e)
					}
					if e.Post != nil {
						check(*e.Post, nil)
					}
				}
			}
			p, _, err = s.one(crawler.Answer{Body: body, Header: http.Header{}}, doc, here, hint{})
			check(p, err)
		}
	})
}
