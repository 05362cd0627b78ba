package page

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"xunqin/crawler"
	"xunqin/crawler/listing"
	"xunqin/crawler/markup"
)

// Bounds of sitemaps: those of the protocol for one, ours for what they name.
const (
	maxMapBytes = 50 << 20
	maxURLs     = 50000 // of one map, and of all that one run reads
	maxMaps     = 20    // of an index, newest first
	maxNesting  = 3
)

// place is one line of a sitemap.
type place struct {
	Loc    string   `xml:"loc"`
	Mod    string   `xml:"lastmod"`
	Photos []string `xml:"http://www.google.com/schemas/sitemap-image/1.1 image>loc"`
	at     time.Time
}

// maps reads a sitemap and what it leads to as one list, newest first. An index
// is read whole by each run: it does not say in which of its maps new addresses
// will stand. Only a map that is none answers to validators.
func (s site) maps(ctx context.Context, f *crawler.Fetcher, req crawler.Request) (listing.Sheet, error) {
	var sheet listing.Sheet
	warn := func(format string, args ...any) {
		sheet.Warnings = append(sheet.Warnings, fmt.Sprintf(format, args...))
	}
	seen := map[string]bool{}
	var pages []place
	type step struct {
		address string
		depth   int
	}
	todo := []step{{req.URL, 0}}
	for read := 0; len(todo) > 0; read++ {
		at := todo[0]
		todo = todo[1:]
		if seen[at.address] {
			warn("a sitemap leads back to itself")
			continue
		}
		seen[at.address] = true
		ask := req
		ask.URL = at.address
		if at.depth > 0 {
			ask.Validators = crawler.Validators{}
		}
		a, err := f.Page(ctx, ask)
		if ref, ok := errors.AsType[*crawler.Refusal](err); ok && at.depth > 0 && !ref.Temporary() {
			warn("a sitemap of the index was left out: %s", ref.Error())
			continue
		}
		if err != nil {
			return listing.Sheet{}, err
		}
		if a.NotModified {
			return listing.Sheet{Unchanged: true}, nil
		}
		here, err := url.Parse(a.URL)
		if err != nil {
			return listing.Sheet{}, fmt.Errorf("sitemap address: %w", err)
		}
		index, list, err := parseMap(a.Body, strings.HasSuffix(here.Path, "/robots.txt"))
		if err != nil {
			ref := f.Refuse(a, crawler.RefusedMarkup)
			if ref.Name == crawler.RefusedMarkup && ref.Detail != "empty" {
				ref.Detail = "sitemap: " + err.Error()
			}
			if at.depth > 0 {
				warn("a sitemap of the index was left out: %s", ref.Error())
				continue
			}
			return listing.Sheet{}, ref
		}
		for i := range list {
			list[i].at, _ = listing.Date(list[i].Mod, "", s.zone)
		}
		slices.SortStableFunc(list, newestFirst)
		if !index {
			if at.depth == 0 {
				sheet.Validators = a.Validators
			}
			pages = append(pages, list...)
			if len(pages) > maxURLs {
				warn("more than %d addresses: the rest was not looked at", maxURLs)
				pages = pages[:maxURLs]
				todo = nil
			}
			continue
		}
		if at.depth >= maxNesting {
			warn("sitemaps are nested more than %d deep", maxNesting)
			continue
		}
		for _, child := range list {
			address, ok := markup.Resolve(here, child.Loc)
			u, err := url.Parse(address)
			switch {
			case !ok || err != nil || !strings.EqualFold(u.Host, here.Host) || u.Scheme != here.Scheme:
				warn("a sitemap on another host was left out")
			case read+len(todo) >= maxMaps:
				warn("an index of more than %d sitemaps: the oldest were not looked at", maxMaps)
			default:
				todo = append(todo, step{address, at.depth + 1})
				continue
			}
			if len(sheet.Warnings) > 20 {
				break
			}
		}
	}
	slices.SortStableFunc(pages, newestFirst)
	undated := 0
	for _, p := range pages {
		address, ok := markup.Resolve(nil, p.Loc)
		if !ok {
			continue
		}
		if address = clean(address); !s.wanted(address, s.first) {
			continue
		}
		if p.at.IsZero() {
			undated++
		}
		e := listing.Entry{ID: address, URL: address, Stamp: strings.TrimSpace(p.Mod), At: p.at}
		b, err := json.Marshal(hint{Day: strings.TrimSpace(p.Mod), Photos: p.Photos[:min(len(p.Photos), maxPhotos)]})
		if err != nil {
			return listing.Sheet{}, fmt.Errorf("hint of a page: %w", err)
		}
		e.Hint = string(b)
		sheet.Entries = append(sheet.Entries, e)
	}
	if len(sheet.Entries) == 0 && len(pages) > 0 {
		return listing.Sheet{}, &crawler.Refusal{Name: crawler.RefusedMarkup, URL: req.URL, Detail: fmt.Sprintf("no address of %d in the sitemap is on %s and matches %q", len(pages), s.first.Host, s.cfg.Match)}
	}
	if undated > 0 {
		warn("%d addresses of the sitemap have no lastmod: what changes on them is not seen", undated)
	}
	slices.Sort(sheet.Warnings)
	sheet.Warnings = slices.Compact(sheet.Warnings)
	sheet.End = true
	return sheet, nil
}

func newestFirst(a, b place) int { return b.at.Compare(a.at) }

// parseMap reads a sitemap, packed or not, an index of them, or the sitemaps
// that robots.txt names.
func parseMap(body []byte, robots bool) (index bool, list []place, err error) {
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return false, nil, errors.New("not gzip")
		}
		if body, err = io.ReadAll(io.LimitReader(z, maxMapBytes+1)); err != nil {
			return false, nil, errors.New("gzip that ends early")
		}
		if len(body) > maxMapBytes {
			return false, nil, fmt.Errorf("more than %d bytes when unpacked", maxMapBytes)
		}
		body = markup.Decode(body, "application/xml").Text
	}
	if robots {
		lines := bufio.NewScanner(bytes.NewReader(body))
		for lines.Scan() {
			key, value, ok := strings.Cut(lines.Text(), ":")
			if ok && strings.EqualFold(strings.TrimSpace(key), "sitemap") {
				list = append(list, place{Loc: strings.TrimSpace(value)})
			}
		}
		if len(list) == 0 {
			return true, nil, errors.New("robots.txt names none")
		}
		return true, list, nil
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	root := ""
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && root != "" {
			return index, list, nil
		}
		if err != nil {
			return index, nil, errors.New("XML that is broken or ends early")
		}
		switch t := t.(type) {
		case xml.EndElement:
			if t.Name.Local == root {
				return index, list, nil
			}
		case xml.StartElement:
			switch {
			case root == "" && (t.Name.Local == "urlset" || t.Name.Local == "sitemapindex"):
				root, index = t.Name.Local, t.Name.Local == "sitemapindex"
			case root == "":
				return false, nil, fmt.Errorf("<%.30s> in place of urlset or sitemapindex", t.Name.Local)
			case t.Name.Local == "url" || t.Name.Local == "sitemap":
				var p place
				if err := d.DecodeElement(&p, &t); err != nil {
					return index, nil, errors.New("XML that is broken or ends early")
				}
				if p.Loc = strings.TrimSpace(p.Loc); p.Loc == "" {
					continue
				}
				if len(list) == maxURLs {
					return index, nil, fmt.Errorf("more than %d addresses in one", maxURLs)
				}
				list = append(list, p)
			default:
				if err := d.Skip(); err != nil {
					return index, nil, errors.New("XML that is broken or ends early")
				}
			}
		}
	}
}
