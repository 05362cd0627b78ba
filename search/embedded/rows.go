package embedded

import (
	"time"

	"xunqin/search"
)

// The row number of a document is the quarter of an hour of its time, and below that
// a slot. Documents of one quarter stand in the order in which they came, and are
// sorted when read, so row numbers narrow a search in time and never decide it. Fine
// steps and many slots would sort less, but each posting of each word holds the
// distance to the row before: with seconds and 29 bits the file is half as large again.
const (
	step     = 15 * 60 * 1000 // ms
	slotBits = 20
	slotMask = 1<<slotBits - 1
	lastStep = 1<<42 - 1 // far beyond year 9999
)

// firstRow is the first row of the quarter in which ms falls; the two quarters next
// to 1970 are one.
func firstRow(ms int64) int64 {
	return min(max(ms/step, -lastStep), lastStep) << slotBits
}

func lastRow(ms int64) int64 { return firstRow(ms) | slotMask }

// A span is a part of the rows.
type span struct{ first, last int64 }

func everything() span { return span{-lastStep << slotBits, lastStep<<slotBits | slotMask} }

// within leaves the rows of some milliseconds.
func (s span) within(r search.Range) span {
	return span{max(s.first, firstRow(r.First)), min(s.last, lastRow(r.Last))}
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
