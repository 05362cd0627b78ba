package feed

import (
	"regexp"
	"strings"
	"time"

	"xunqin/crawler"
)

var (
	withSeconds = regexp.MustCompile(`\d{1,2}:\d{2}:\d{2}`)
	withMinutes = regexp.MustCompile(`\d{1,2}:\d{2}|T\d{2}\b`)
	offset      = regexp.MustCompile(`(?:Z|UTC?|GMT|[ECMP]DT|[EMP]ST|[+-]\d{2}:?\d{2})(?:\s*\([A-Za-z]+\))?$`)
	zoneName    = regexp.MustCompile(`\s+[A-Z]{3,4}$`)
)

// local are the spellings without a zone that sites in China use and gofeed may
// not know.
var local = []string{
	"2006-1-2 15:04:05", "2006-1-2 15:04", "2006-1-2T15:04:05", "2006-1-2T15:04", "2006-1-2",
	"2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2", "2006.1.2",
	"2006年1月2日 15:04:05", "2006年1月2日 15:04", "2006年1月2日15:04", "2006年1月2日",
	"Mon, 2 Jan 2006 15:04:05", "Mon, 2 Jan 2006 15:04", "2 Jan 2006 15:04:05",
}

// date reads a date as written; parsed is gofeed's reading of it, nil if it has
// none, which is right where raw has an offset or a zone name of RFC 822. A date without an offset, or with a name that means several ("CST" is
// China's and America's), is meant in zone; with no zone given only its day is
// believed.
func date(raw string, parsed *time.Time, zone *time.Location) (time.Time, crawler.Precision) {
	if raw == "" {
		return time.Time{}, crawler.PrecisionUnknown
	}
	precision := crawler.PrecisionDay
	switch {
	case withSeconds.MatchString(raw):
		precision = crawler.PrecisionSecond
	case withMinutes.MatchString(raw):
		precision = crawler.PrecisionMinute
	}
	if offset.MatchString(raw) {
		if parsed == nil {
			return time.Time{}, crawler.PrecisionUnknown
		}
		return plausible(*parsed, precision)
	}
	bare := zoneName.ReplaceAllString(raw, "")
	in := zone
	if in == nil {
		in = time.UTC
		precision = crawler.PrecisionDay
	}
	for _, layout := range local {
		if t, err := time.ParseInLocation(layout, strings.TrimSpace(bare), in); err == nil {
			return plausible(t, precision)
		}
	}
	if parsed == nil {
		return time.Time{}, crawler.PrecisionUnknown
	}
	// gofeed read it in some zone of its own: keep the clock, change the zone.
	t := *parsed
	if zone != nil {
		t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
	}
	return plausible(t, precision)
}

// plausible drops what no post can have: years that do not fit into four
// digits or lie before the web.
func plausible(t time.Time, p crawler.Precision) (time.Time, crawler.Precision) {
	if t.Year() < 1990 || t.Year() > 9999 {
		return time.Time{}, crawler.PrecisionUnknown
	}
	return t.UTC(), p
}
