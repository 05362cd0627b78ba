package search

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// ErrBehind is returned by Apply for a change number below the one applied last.
var ErrBehind = errors.New("search: change is older than the index")

// ErrUnavailable is returned by every method of an index that does not answer now: nothing is
// wrong with what was asked, and it may be asked again.
var ErrUnavailable = errors.New("search: the index does not answer")

// An Index answers queries over the documents put into it. All methods may be
// called at the same time, and Close once, after the others have returned.
type Index interface {
	// Apply makes the index follow the record's change log: it deletes, then puts,
	// and notes seq, all or nothing and visible to every later call when it returns.
	// A document replaces the one with its ID; of two with one ID the last stays;
	// unknown IDs are no error. A seq of 0 leaves the mark alone; a seq below the mark
	// is ErrBehind and changes nothing, so a late batch cannot bring back old text.
	Apply(ctx context.Context, seq int64, put []Doc, del []string) error
	// Put is Apply without a change number.
	Put(ctx context.Context, docs ...Doc) error
	// Delete is Apply without a change number.
	Delete(ctx context.Context, ids ...string) error
	// Find gives exactly the documents Match accepts, newest first, then by ID.
	Find(ctx context.Context, q Query, p Page) (Result, error)
	// Facets counts the documents Match accepts, the first f.Size() in the order of
	// Find: exactly what CountFacets says.
	Facets(ctx context.Context, q Query, f Facet) (Facets, error)
	// Similar gives every photo with a fingerprint of the method of f at most radius
	// bits away, each once, with the nearest of its fingerprints: nearest first,
	// then by document, then by photo. With kinds, only photos of such documents.
	Similar(ctx context.Context, f Fingerprint, radius int, kinds ...string) ([]Hit, error)
	// Votes gives the photos that may show what f shows, at most so many, each once,
	// by the best of its Features: exactly what Vote says, in the order of Compare. An
	// engine that cannot compare all says where it ends.
	// With kinds, only photos of such documents.
	Votes(ctx context.Context, f Features, most int, kinds ...string) ([]Candidate, error)
	Info(ctx context.Context) (Info, error)
	Close() error
}

// A Page asks for part of an answer. Paging is by the key of the last document
// seen, so what arrives or goes meanwhile neither repeats nor hides another.
type Page struct {
	After Key // where the page before ended; zero for the first
	Limit int // documents a page; 0 means 50, more than 1,000 means 1,000
	Count int // count up to this many; 0 does not count
}

// Size is the number of documents the page may hold.
func (p Page) Size() int {
	if p.Limit <= 0 {
		return 50
	}
	return min(p.Limit, 1000)
}

// A Result is a page of an answer.
type Result struct {
	Found []Found
	Next  Key // Page.After of the next page; zero after the last
	Total int // documents in the whole answer; Page.Count means that many or more

	// Partial: part of the index did not answer, or not in time. Documents may be missing from
	// this page and the next ones, and from Total. Only an engine of several machines gives such
	// answers, and of Find alone: what leads come from fails instead.
	Partial bool
	Missing float64 // the share of the index that did not answer, up to 1; 0 where it is not known
}

// Found is a document a query accepts.
type Found struct {
	ID, Kind string
	At       time.Time
}

// Key is where the document stands in every answer.
func (f Found) Key() Key { return Key{At: f.At, ID: f.ID} }

// A Key is a place in the order of answers.
type Key struct {
	At time.Time
	ID string
}

// IsZero reports whether k is no place at all.
func (k Key) IsZero() bool { return k.ID == "" }

// Compare is negative if k comes before other in an answer: it is newer by a
// millisecond or more, or as old and with the lower ID.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(other.At.UnixMilli(), k.At.UnixMilli()), strings.Compare(k.ID, other.ID))
}

// String is a form of k for addresses, empty for the zero Key.
func (k Key) String() string {
	if k.IsZero() {
		return ""
	}
	return strconv.FormatInt(k.At.UnixMilli(), 10) + "." + k.ID
}

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	if s == "" {
		return Key{}, nil
	}
	ms, id, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || id == "" {
		return Key{}, fmt.Errorf("search: no page begins at %.40q", s)
	}
	return Key{At: time.UnixMilli(n).UTC(), ID: id}, nil
}

// A Hit is a photo near a fingerprint: the same photograph, perhaps edited.
type Hit struct {
	Doc, Photo, Kind string
	Distance         int         // bits that differ
	Fingerprint      Fingerprint // the nearest of the photo
}

// Compare is negative if h comes before other in an answer.
func (h Hit) Compare(other Hit) int {
	return cmp.Or(cmp.Compare(h.Distance, other.Distance), strings.Compare(h.Doc, other.Doc), strings.Compare(h.Photo, other.Photo))
}

// Info describes an index.
type Info struct {
	Engine               string
	Docs, Photos, Prints int64
	Features             int64 // those with a point
	Seq                  int64 // the change number applied last
}

// Hamming is the number of bits in which a and b differ. Strings of different
// length are farther apart than any radius: math.MaxInt.
func Hamming(a, b []byte) int {
	if len(a) != len(b) {
		return math.MaxInt
	}
	n := 0
	for len(a) >= 8 {
		n += bits.OnesCount64(binary.BigEndian.Uint64(a) ^ binary.BigEndian.Uint64(b))
		a, b = a[8:], b[8:]
	}
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}
