package search

import (
	"slices"
	"strings"
	"unicode"
)

// Holding lists texts of which q asks one of each list: the Text of every document that q
// accepts holds it as it stands there, whatever way the document writes it. A store that
// can only look for substrings reads by it what Match has then to be asked about. It is of
// Chinese characters alone, of which few have another form; for a query that can be
// accepted without them it is empty. No list is empty.
func Holding(q Query) (lists [][]string) {
	switch q := q.(type) {
	case Text:
		_, singles := Tokens(string(q))
		for _, s := range singles {
			if r := []rune(s); len(r) == 1 && unicode.Is(unicode.Unified_Ideograph, r[0]) {
				lists = append(lists, written(r[0]))
			}
		}
	case And:
		for _, p := range q {
			lists = append(lists, Holding(p)...)
		}
	case Or:
		var any []string
		for _, p := range q {
			of := Holding(p)
			if len(of) == 0 {
				return nil
			}
			any = append(any, of[0]...)
		}
		if len(any) > 0 {
			slices.Sort(any)
			lists = [][]string{slices.Compact(any)}
		}
	}
	slices.SortFunc(lists, slices.Compare)
	lists = slices.CompactFunc(lists, slices.Equal)
	return lists[:min(len(lists), mostHeld)]
}

// mostHeld is how many lists say enough.
const mostHeld = 8

// compatible are where Unicode keeps characters that stand for ideographs: radicals,
// strokes, enclosed and squared ones, and those that old encodings had twice.
var compatible = &unicode.RangeTable{
	R16: []unicode.Range16{{0x2e80, 0x2fdf, 1}, {0x3020, 0x303f, 1}, {0x3190, 0x31ef, 1}, {0x3200, 0x33ff, 1}, {0xf900, 0xfaff, 1}},
	R32: []unicode.Range32{{0x1f200, 0x1f2ff, 1}, {0x2f800, 0x2fa1f, 1}},
}

// written are the characters that an ideograph may be written by.
func written(ideograph rune) []string {
	list := []string{string(ideograph)}
	add := func(from, to rune) {
		for r := from; r <= to; r++ {
			if strings.ContainsRune(fold(string(r)), ideograph) {
				list = append(list, string(r))
			}
		}
	}
	for _, r := range compatible.R16 {
		add(rune(r.Lo), rune(r.Hi))
	}
	for _, r := range compatible.R32 {
		add(rune(r.Lo), rune(r.Hi))
	}
	return list
}
