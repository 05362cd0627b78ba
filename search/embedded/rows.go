package embedded

import (
	"time"

	"xunqin/search"
)

// The row number of a document is the step of eight hours in which its time is, and below that a slot. Documents of one step stand
// in the order in which they came, and are sorted when read, so row numbers narrow a search in time and never decide it. Each
// posting of each word is the distance to the row before, so slots are few: with a million of them in a quarter of an hour a
// file of a million posts is twice as large. Where they do not suffice, as when an archive without times is taken in, documents
// go to the attic: rows beyond all others, with a million slots a step. Both are read at once, the newest step first.
const (
	step       = 8 * 60 * 60 * 1000 // ms
	lastStep   = 1<<30 - 1          // far beyond year 9999
	slotBits   = 10
	atticBits  = 20
	atticFirst = int64(1) << 52 // of step 0
	atticLeast = int64(1) << 51 // less than all of the attic, more than all others
)

// stepOf is the step in which ms falls; the two steps next to 1970 are one.
func stepOf(ms int64) int64 { return min(max(ms/step, -lastStep), lastStep) }

// stepAt is the step of a row.
func stepAt(row int64) int64 {
	if row >= atticLeast {
		return (row - atticFirst) >> atticBits
	}
	return row >> slotBits
}

// A span is some steps one after the other.
type span struct{ first, last int64 }

func everything() span { return span{-lastStep, lastStep} }

// within leaves the steps of some milliseconds.
func (s span) within(r search.Range) span {
	return span{max(s.first, stepOf(r.First)), min(s.last, stepOf(r.Last))}
}

// rows are the rows of the steps that are not in the attic.
func (s span) rows() (first, last int64) {
	return s.first << slotBits, s.last<<slotBits | (1<<slotBits - 1)
}

// attic are the rows of the steps that are in the attic.
func (s span) attic() (first, last int64) {
	return atticFirst + s.first<<atticBits, atticFirst + (s.last<<atticBits | (1<<atticBits - 1))
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
