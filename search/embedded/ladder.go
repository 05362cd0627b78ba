package embedded

import (
	"strconv"

	"xunqin/search"
)

// What may be anywhere in a range of days or months is found by words like all else, so
// that ranges meet other words without a scan. Rungs of a ladder are buckets of numbers,
// those of a rung sixteen times as wide as those of the rung below. A range stands on the
// lowest rung where it needs four buckets or fewer, and has a word for these and for each
// bucket around them (under), and another for that it stands there (own). A query is cut
// into buckets: what it meets either stands under one of them, or has one of the buckets
// around them for its own. Words leave a little over at the ends; the columns of docs
// decide.

// A ladder is the words for one kind of range.
type ladder struct {
	under, own, known byte // first characters of the words
	unit              int64
	zero              int64 // the unit from which buckets are counted
	rungs             int
	always            bool // every document has a range
}

const dayMs = 24 * 60 * 60 * 1000

// The ladders. Days reach from the year 535 to 3405; what is outside stands at the end.
func times() ladder {
	return ladder{under: 'u', own: 'v', unit: dayMs, zero: -1 << 19, rungs: 5, always: true}
}
func births() ladder {
	return ladder{under: 'w', own: 'x', known: 'b', unit: 16 * dayMs, zero: -1 << 15, rungs: 4}
}
func ages() ladder { return ladder{under: 'y', own: 'z', known: 'a', unit: 1, rungs: 3} }

// fanBits is how much wider a rung is than the one below, as a power of two.
const fanBits = 4

// mostBuckets is how many buckets a range may need. With two, every other range of two years would stand among buckets of eleven.
const mostBuckets = 4

func (l ladder) word(first byte, rung int, bucket int64) string {
	return string([]byte{first, byte('g' + rung)}) + strconv.FormatInt(bucket, 16) // no other word begins so
}

// cut gives the buckets of the lowest rung in which a range begins and ends.
func (l ladder) cut(r search.Range) (first, last int64) {
	top := int64(1)<<(fanBits*l.rungs) - 1
	bucket := func(n int64) int64 {
		b := n / l.unit
		if n%l.unit < 0 {
			b--
		}
		return min(max(b, l.zero), l.zero+top) - l.zero
	}
	return bucket(r.First), bucket(r.Last)
}

// words are those of a document.
func (l ladder) words(r search.Range) (words []string) {
	if r.Empty() {
		return nil
	}
	if !l.always {
		words = append(words, string([]byte{l.known, 'g'}))
	}
	first, last := l.cut(r)
	stands := false
	for rung := range l.rungs {
		if last-first < mostBuckets {
			for b := first; b <= last; b++ {
				words = append(words, l.word(l.under, rung, b))
				if !stands && rung > 0 { // nothing is below the lowest
					words = append(words, l.word(l.own, rung, b))
				}
			}
			stands = true
		}
		first, last = first>>fanBits, last>>fanBits
	}
	if !stands {
		words = append(words, l.word(l.own, l.rungs, 0))
	}
	return words
}

// query are words of which each document whose range meets r has one.
func (l ladder) query(r search.Range) (words []string) {
	if r.Empty() {
		return []string{factNone}
	}
	first, last := l.cut(r)
	all := int64(1)<<(fanBits*l.rungs) - 1
	if first == 0 && last == all {
		if l.always {
			return []string{factAll}
		}
		return []string{string([]byte{l.known, 'g'})}
	}
	// Wide queries may be coarse.
	fine := 0
	for n := last - first; fine < l.rungs-1 && n>>(fanBits*(fine+1)) >= 1<<fanBits; fine++ {
	}
	if first == 0 || last == all {
		fine = min(fine, 1)
	}
	first, last = first>>(fanBits*fine), last>>(fanBits*fine)
	lowest, highest := first, last
	for rung := fine; rung < l.rungs; rung++ {
		// What stands above the buckets taken so far, and those of this rung itself.
		if rung > fine {
			words = append(words, l.word(l.own, rung, lowest))
			if highest != lowest {
				words = append(words, l.word(l.own, rung, highest))
			}
		}
		if first <= last {
			top := rung == l.rungs-1
			for first <= last && (top || first&(1<<fanBits-1) != 0) {
				words = append(words, l.word(l.under, rung, first))
				first++
			}
			for first <= last && (top || last&(1<<fanBits-1) != 1<<fanBits-1) {
				words = append(words, l.word(l.under, rung, last))
				last--
			}
		}
		first, last = first>>fanBits, (last-(1<<fanBits-1))>>fanBits // whole buckets of the next rung only
		lowest, highest = lowest>>fanBits, highest>>fanBits
	}
	return append(words, l.word(l.own, l.rungs, 0))
}
