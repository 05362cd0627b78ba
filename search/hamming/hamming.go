// Package hamming finds, among fingerprints of 64 or 256 bits in memory, all that differ from a given one in at most so many
// bits: exactly, for any number of bits, and for small numbers without looking at most of them.
//
// It is multi-index hashing (Norouzi, Punjani and Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014).
// A fingerprint is cut into m bands, and for each band there is a table from its value to the fingerprints that have it. Of
// two fingerprints that differ in r = m·k + a bits, one of the first a+1 bands differs in at most k bits, or one of the others
// in fewer than k. So it is enough to look up the values near those of the query. The bands are the wider the more
// fingerprints there are, so that a value has a handful of them, whether there are a hundred thousand or a hundred million.
// Where many have one value, as in a crowd of near copies, or where the values to look up are too many, reading everything is
// cheaper: that is known before the first fingerprint is read, and done.
//
// What is added waits in a tail that is read through, then becomes a table of its own; Settle makes few tables of many.
package hamming

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// A Set holds fingerprints of one length with a number each, which need not be unlike each other's. All methods may be called
// at the same time; Near waits for none of them.
type Set struct {
	words int // a fingerprint: 1 or 4
	most  int // in the tail
	parts atomic.Pointer[parts]

	scratch sync.Pool // of *scratch

	write    sync.Mutex // held while parts, or anything in them, is changed
	settle   sync.Mutex // held by Settle all along
	settling bool
	deleted  []int64 // since Settle began to read
}

// parts are what a search sees.
type parts struct {
	tables []*table // those of Settle first
	tail   *tail
}

// New makes a set of fingerprints of 8 or 32 bytes, which it panics without.
func New(bytes int) *Set { return Of(bytes, nil, nil) }

// Of makes a set of fingerprints at once: ids[i] has its words, one or four, at codes[i*words]. It is fastest if ids ascend,
// and it keeps both slices. Ten million take a second or so for each core.
func Of(bytes int, ids []int64, codes []uint64) *Set { return of(bytes, tailSize, ids, codes) }

func of(bytes, most int, ids []int64, codes []uint64) *Set {
	if bytes != 8 && bytes != 32 || len(codes) != len(ids)*bytes/8 {
		panic(fmt.Sprintf("hamming: %d words are not %d fingerprints of %d bytes", len(codes), len(ids), bytes))
	}
	s := &Set{words: bytes / 8, most: most}
	s.scratch.New = func() any { return new(scratch) }
	p := &parts{tail: newTail(s.words, s.most)}
	switch {
	case len(ids) == 0:
	case slices.IsSorted(ids):
		p.tables = []*table{newTable(s.words, ids, codes)}
	default:
		l := &list{words: s.words, ids: ids, codes: codes, dead: make([]uint64, (len(ids)+63)/64)}
		p.tables = []*table{merge(s.words, []source{sorted(l, len(ids))})}
	}
	s.parts.Store(p)
	return s
}

// AppendWords appends a fingerprint to codes, for Of.
func AppendWords(codes []uint64, code []byte) []uint64 {
	for ; len(code) >= 8; code = code[8:] {
		codes = append(codes, binary.BigEndian.Uint64(code))
	}
	return codes
}

func (s *Set) decode(code []byte) []uint64 {
	if len(code) != 8*s.words {
		panic(fmt.Sprintf("hamming: fingerprint of %d bytes in a set of %d", len(code), 8*s.words))
	}
	return AppendWords(make([]uint64, 0, 4), code)
}

// Len is how many fingerprints there are.
func (s *Set) Len() int {
	p := s.parts.Load()
	n := p.tail.living()
	for _, t := range p.tables {
		n += t.living()
	}
	return n
}

// Bytes is the memory that the set takes, but for a few that do not depend on its size.
func (s *Set) Bytes() int {
	s.write.Lock()
	defer s.write.Unlock()
	p := s.parts.Load()
	n := 8 * (cap(p.tail.ids) + cap(p.tail.codes) + cap(p.tail.dead))
	for _, t := range p.tables {
		n += t.bytes()
	}
	return n
}

// Sorted are the fingerprints as they are when it is called, however long the reading takes: how many, and each with its number,
// the numbers ascending. Words are those of AppendWords, and may not be kept or changed.
func (s *Set) Sorted() (n int, all iter.Seq2[int64, []uint64]) {
	s.write.Lock()
	defer s.write.Unlock()
	p := s.parts.Load()
	sources := []source{p.tail.sorted().frozen()}
	for _, t := range p.tables {
		sources = append(sources, t.sorted().frozen())
	}
	for i := range sources {
		n += sources[i].living()
	}
	return n, merged(sources)
}

// Near appends to ids the number of each fingerprint at most radius bits from code, in no order. What is added or deleted
// meanwhile is found or not.
func (s *Set) Near(ids []int64, code []byte, radius int) []int64 {
	if radius < 0 {
		return ids
	}
	q := s.decode(code)
	p := s.parts.Load()
	scratch := s.scratch.Get().(*scratch)
	defer s.scratch.Put(scratch)
	for _, t := range p.tables {
		ids = t.near(ids, q, radius, scratch)
	}
	return p.tail.near(ids, q, radius)
}

// Add adds a fingerprint. One in sixteen thousand calls makes a table, which takes milliseconds.
func (s *Set) Add(id int64, code []byte) {
	q := s.decode(code)
	s.write.Lock()
	defer s.write.Unlock()
	p := s.parts.Load()
	if p.tail.full() {
		p = &parts{tables: p.tables, tail: newTail(s.words, s.most)}
		if t := merge(s.words, []source{s.parts.Load().tail.sorted()}); t != nil {
			p.tables = append(slices.Clip(p.tables), t)
		}
		s.parts.Store(p)
	}
	p.tail.add(id, q)
}

// Delete deletes all fingerprints of the numbers.
func (s *Set) Delete(ids ...int64) {
	s.write.Lock()
	defer s.write.Unlock()
	p := s.parts.Load()
	for _, id := range ids {
		for _, t := range p.tables {
			t.delete(id)
		}
		p.tail.delete(id)
	}
	if s.settling {
		s.deleted = append(s.deleted, ids...)
	}
}

// Settle makes few tables of many, and forgets what was deleted where that is much. It may take as long as Of, and for that
// time as much memory again, but keeps neither searches nor changes waiting. It is worth calling after changes: with nothing
// to do it costs nothing.
func (s *Set) Settle() {
	s.settle.Lock()
	defer s.settle.Unlock()
	for s.settleOnce() {
	}
}

// settleOnce merges the last tables into one so that each is at least twice the next, or writes one anew that is half deleted.
func (s *Set) settleOnce() bool {
	from, to, merged := s.merged()
	if from < to {
		s.replace(from, to, merged)
	}
	return from < to
}

// merged is what some tables are better replaced by; nil if nothing is left of them.
func (s *Set) merged() (from, to int, t *table) {
	s.write.Lock()
	tables := s.parts.Load().tables
	from, to = crowded(tables)
	s.settling, s.deleted = from < to, nil
	s.write.Unlock()
	if from == to {
		return from, to, nil
	}
	sources := make([]source, 0, to-from)
	for _, t := range tables[from:to] {
		sources = append(sources, t.sorted())
	}
	return from, to, merge(s.words, sources)
}

func (s *Set) replace(from, to int, by *table) {
	s.write.Lock()
	defer s.write.Unlock()
	p := s.parts.Load() // meanwhile others have only added tables at the end
	next := &parts{tables: slices.Clone(p.tables[:from]), tail: p.tail}
	if by != nil {
		for _, id := range s.deleted { // what by has of them was there before
			by.delete(id)
		}
		next.tables = append(next.tables, by)
	}
	next.tables = append(next.tables, p.tables[to:]...)
	s.parts.Store(next)
	s.settling, s.deleted = false, nil
}

// crowded says which tables are better one.
func crowded(tables []*table) (from, to int) {
	after := 0
	from = len(tables)
	for i := len(tables) - 1; i >= 0; i-- {
		n := tables[i].living()
		if after > 0 && 2*after >= n {
			from = i
		}
		after += n
	}
	if from < len(tables) {
		return from, len(tables)
	}
	for i, t := range tables {
		if t.living() <= len(t.ids)/2 {
			return i, i + 1
		}
	}
	return 0, 0
}
