package discuz

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"xunqin/crawler/listing"
)

// feed reads the board's RSS: the twenty newest threads, text only, so that
// each is read from its own page.
func (b board) feed(doc []byte) (listing.Sheet, error) {
	var x struct {
		XMLName xml.Name
		Items   []struct {
			Title string `xml:"title"`
			Link  string `xml:"link"`
			GUID  string `xml:"guid"`
			Date  string `xml:"pubDate"`
		} `xml:"channel>item"`
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	d.Strict = false
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	if err := d.Decode(&x); err != nil {
		return listing.Sheet{}, errors.New("not a feed")
	}
	if !strings.EqualFold(x.XMLName.Local, "rss") {
		return listing.Sheet{}, errors.New("not a feed: <" + x.XMLName.Local + ">")
	}
	var s listing.Sheet
	lost := 0
	for _, it := range x.Items {
		id := tid(it.Link)
		if id == "" {
			id = tid(it.GUID)
		}
		if id == "" {
			lost++
			continue
		}
		e := listing.Entry{ID: id, URL: b.thread(id), Stamp: strings.TrimSpace(it.Title)}
		if t, err := time.Parse(time.RFC1123Z, strings.TrimSpace(it.Date)); err == nil {
			e.At = t.UTC()
		}
		s.Entries = append(s.Entries, e)
	}
	if lost > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d items lead to no thread", lost))
	}
	return s, nil
}
