package embedded

import (
	"time"

	"xunqin/search"
)

// The row number of a document is the second of its time, and below that a slot:
// documents of one second stand in the order in which they came, and are sorted
// when read. Seconds before 1697 and after 2242 do not fit and share the first and
// the last, so row numbers narrow a search in time and never decide it.
const (
	slotBits = 29
	slotMask = 1<<slotBits - 1
	lastSec  = 1<<33 - 1
	firstSec = -1 << 33
)

// firstRow is the first row of the second in which ms falls; the two seconds next
// to 1970 are one.
func firstRow(ms int64) int64 {
	return min(max(ms/1000, firstSec), lastSec) << slotBits
}

func lastRow(ms int64) int64 { return firstRow(ms) | slotMask }

// A span is the rows in which documents of a Date can be.
type span struct{ first, last int64 }

func everything() span { return span{firstSec << slotBits, lastSec<<slotBits | slotMask} }

func (s span) within(d search.Date) span {
	if !d.From.IsZero() {
		s.first = max(s.first, firstRow(d.From.UnixMilli()))
	}
	if !d.To.IsZero() {
		s.last = min(s.last, lastRow(d.To.UnixMilli()))
	}
	return s
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
