// Package crawler reads public sources of posts politely and hands on what it
// reads a page at a time.
//
// A [Reader] knows one kind of source (crawler/mastodon, crawler/feed). A
// [Door] holds what all of them share: the address guard, the pace of each
// host, robots.txt, size and time limits, the name the program gives itself.
// [Door.Run] reads one source once; [Door.Picture] fetches one photo of a post
// through the same checks. Nothing else in the package opens a connection.
//
// The package stores nothing. What must outlive a run (cursor, pace, robots.txt)
// is handed to the caller through [Page], [Pace] and [RobotsCache].
package crawler

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Source is one place that is read again and again, as an admin set it up.
type Source struct {
	ID       string          // names the source in the record; opaque here
	Name     string          // for people and logs
	Reader   string          // which Reader reads it: "mastodon", "feed"
	Cron     string          // when it is read, standard cron syntax or @every
	TimeZone string          // IANA zone in which Cron is meant; empty is UTC
	Config   json.RawMessage // settings of that Reader; see ConfigChecker
	Cursor   json.RawMessage // as the last committed Page gave it; empty before the first
	Enabled  bool
	NextRun  time.Time
	Rate     Rate
}

// Rate is how fast one host may be asked on behalf of one source. The zero
// value is one request at a time and a second between requests.
type Rate struct {
	Every    time.Duration // pause between two requests; 0 is a second, NoPause is none
	Parallel int           // requests in flight at once; 0 is 1
}

// NoPause as Rate.Every asks without any pause. It counts only for a loopback
// address that the guard allows (see Rate.Check); every other host gets the
// default pause.
const NoPause time.Duration = -1

// Kinds of Post.
const (
	KindPost   = "post"   // somebody wrote about a child they saw
	KindReport = "report" // somebody reports a child missing
	KindNotice = "notice" // an office or a home announces a found child
)

// Precision says how much of Post.At the source really named.
type Precision string

// Precisions. The zero value is unknown.
const (
	PrecisionUnknown Precision = ""
	PrecisionDay     Precision = "day"
	PrecisionMinute  Precision = "minute"
	PrecisionSecond  Precision = "second"
)

// Post is one item of a source, with text already plain and addresses
// absolute. AuthorID and AuthorName live only until intake replaces them by a
// keyed pseudonym.
type Post struct {
	NativeID   string    // identity in the source; two Posts with one NativeID are versions of one post
	URL        string    // where people can read it; http or https, or empty
	Kind       string    // KindPost, KindReport or KindNotice
	AuthorID   string    // stable identity of the author in the source, if any
	AuthorName string    // display name, if any
	Text       string    // plain text, lines kept, no markup
	Place      string    // as the source names it; not derived from Text
	QuotedID   string    // NativeID of the post this one quotes, if any
	Lang       string    // BCP 47 tag if the source names one
	RawAt      string    // the date as written, for reading it again with better rules
	At         time.Time // UTC; zero when the source names no date, then the time of first sight counts
	EditedAt   time.Time // UTC; zero if never edited or unknown
	Precision  Precision // how much of At is known
	Tags       []string  // without '#'
	Sensitive  bool      // the author or the source marked it so
	Deleted    bool      // the source says it is gone; everything but NativeID may be empty
	Photos     []PhotoURL
}

// PhotoURL is where one photo of a post can be fetched, best address first.
type PhotoURL struct {
	URL      string   // http or https, absolute
	Alt      string   // description by the author
	MIME     string   // as declared; empty if not, and not to be trusted
	Width    int      // pixels as declared, 0 if not
	Height   int      // pixels as declared, 0 if not
	Fallback []string // other addresses of the same photo, tried in order when URL fails
}

// Page is what a Reader hands on at once. The caller commits Posts and Cursor
// together or not at all, so a Cursor never covers a post that was not stored.
type Page struct {
	Posts  []Post
	Cursor json.RawMessage // where to go on after this page; replaces Source.Cursor
	More   bool            // another page is known to follow
	// Capped: the source ends here although more may lie between this page and
	// what earlier runs have seen (a list of the newest twenty, all of them new).
	Capped bool
	// Since: this page and those before it in the run show all the source has
	// since then. Zero when the reader cannot tell; Beginning when there is no
	// more.
	Since    time.Time
	Warnings []string // oddities an admin should see; no text, name or token of a post
}

// Beginning is before every post: as Page.Since it says that the source has
// shown all it has.
func Beginning() time.Time { return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) }

// A Reader knows one kind of source. Read starts at src.Cursor, fetches only
// through f, and calls emit for each page in the order in which their cursors
// build on each other. A page without posts is emitted too when its cursor
// moved (new validators, for instance).
//
// When emit returns an error, Read returns it (wrapped or not) without
// fetching more: the caller has had enough, or could not commit. A refusal by
// the site is returned as *Refusal and never turned into a page without posts.
// Read is used by one goroutine and keeps nothing between calls.
type Reader interface {
	Read(ctx context.Context, f *Fetcher, src Source, emit func(Page) error) error
}

// A ConfigChecker is a Reader that can say before the first run what is wrong
// with a configuration. Unknown fields are an error.
type ConfigChecker interface {
	Check(config json.RawMessage) error
}

// Stats is what one run did. New and duplicate posts are counted by whoever
// stores them.
type Stats struct {
	Asked       int   // requests sent for pages, redirects counted, robots.txt not
	Fetched     int   // pages answered with content
	NotModified int   // pages the site answered with 304
	Pages       int   // pages accepted
	Posts       int   // posts on accepted pages
	Refused     int   // answers that were a refusal: by status, by robots.txt, by content
	Failed      int   // requests that got no whole answer
	Bytes       int64 // bodies after decompression
	More        bool  // the run stopped at its limit; run again to go on from the cursor
	Warnings    []string
}

// ErrNoContact is returned when a host beyond loopback would be asked by a
// program that does not say whom to write to.
var ErrNoContact = errors.New("no contact for the user agent: nothing beyond loopback is fetched")
