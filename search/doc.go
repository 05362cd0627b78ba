// Package search finds posts, reports and notices by words and by photo.
//
// The package holds what every engine must agree on: the analyser (Tokens),
// the query language (Parse), what a query accepts (Match) and the interface
// the engines offer (Index). The engines are in packages of their own; the
// suite they all pass is package searchtest. An index is a projection of the
// record: it can be lost, and is then filled again through Apply.
//
// One begins with Parse, to turn what a person typed into a Query, and with
// Index.Find, to run it.
package search

import (
	"fmt"
	"image"
	"time"
	"unicode/utf8"
)

// The kinds of document.
const (
	KindPost   = "post"   // what somebody published about a child in the street
	KindReport = "report" // a child is missing, or looks for its family
	KindNotice = "notice" // an institution announces a child it took in
)

// A Fingerprint says what a picture, or a part of it, looks like. Two are
// comparable only if Algo and the length of Bits are the same.
type Fingerprint struct {
	Algo string          // method and version, such as "phash64/2"
	Bits []byte          // 8 or 32 bytes
	Part image.Rectangle // what it covers, in pixels of the stored picture
}

// A PhotoRef is a photo of a document. A photo too flat to be compared has no
// prints and still counts as a photo.
//
// Features are for Votes. A point takes 36 bytes in an index: 250 are right for the
// photo of a report, the first hundred of them for one of many posts.
type PhotoRef struct {
	ID       string
	Prints   []Fingerprint
	Features []Features
}

// A Doc is what an index knows of a post, report or notice. ID is random text
// and never reused. At counts to the millisecond; what is finer is ignored.
type Doc struct {
	ID, Kind, Source, Status, Text, Place string
	At                                    time.Time
	Photos                                []PhotoRef
	Facts                                 Facts
}

// Check reports what keeps d out of every index: no ID or one over 200 bytes, a
// kind, source or status over 1,000 bytes, an ID or kind that is not UTF-8, a fingerprint without method or of a
// length other than 64 or 256 bits, or Features or Facts that fail their own Check.
func (d Doc) Check() error {
	switch {
	case d.ID == "":
		return fmt.Errorf("document without ID")
	case len(d.ID) > 200:
		return fmt.Errorf("document %.20s…: ID of %d bytes", d.ID, len(d.ID))
	case !utf8.ValidString(d.ID) || !utf8.ValidString(d.Kind):
		return fmt.Errorf("document %q: ID or kind is not UTF-8", d.ID)
	case max(len(d.Kind), len(d.Source), len(d.Status)) > 1000:
		return fmt.Errorf("document %s: kind, source or status over 1000 bytes", d.ID)
	}
	if err := d.Facts.Check(); err != nil {
		return fmt.Errorf("document %s: %w", d.ID, err)
	}
	for _, p := range d.Photos {
		if !utf8.ValidString(p.ID) {
			return fmt.Errorf("document %s: photo %q: ID is not UTF-8", d.ID, p.ID)
		}
		for _, f := range p.Prints {
			if err := f.Check(); err != nil {
				return fmt.Errorf("document %s: photo %s: %w", d.ID, p.ID, err)
			}
		}
		for _, f := range p.Features {
			if err := f.Check(); err != nil {
				return fmt.Errorf("document %s: photo %s: %w", d.ID, p.ID, err)
			}
		}
	}
	return nil
}

// Check reports a fingerprint no index takes or searches for.
func (f Fingerprint) Check() error {
	if f.Algo == "" || !utf8.ValidString(f.Algo) {
		return fmt.Errorf("fingerprint without method")
	}
	if n := len(f.Bits); n != 8 && n != 32 {
		return fmt.Errorf("fingerprint of %d bits, want 64 or 256", 8*n)
	}
	return nil
}
