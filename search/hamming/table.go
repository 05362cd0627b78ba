package hamming

import (
	"cmp"
	"iter"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// A list is fingerprints one after the other, some of them deleted.
type list struct {
	words int
	ids   []int64
	codes []uint64
	dead  []uint64     // a bit each, read and written atomically
	gone  atomic.Int64 // how many are dead
}

func (l *list) kill(slot int) {
	if bit := uint64(1) << (slot % 64); atomic.OrUint64(&l.dead[slot/64], bit)&bit == 0 {
		l.gone.Add(1)
	}
}

func (l *list) alive(slot int) bool {
	return atomic.LoadUint64(&l.dead[slot/64])>>(slot%64)&1 == 0
}

// scan reads the first n fingerprints.
func (l *list) scan(ids []int64, n int, q []uint64, radius int) []int64 {
	codes := l.codes[:n*l.words]
	for i := 0; ; i++ {
		if l.words == 1 {
			i += first64(codes[i:], q[0], radius)
		} else {
			i += first256(codes[4*i:], [4]uint64(q), radius)
		}
		if i >= n {
			return ids
		}
		if l.alive(i) {
			ids = append(ids, l.ids[i])
		}
	}
}

// first64 is the index of the first fingerprint within the radius, or their
// number. In loops as small as this one and the next everything stays in registers.
func first64(words []uint64, q uint64, radius int) int {
	for i, w := range words {
		if bits.OnesCount64(w^q) <= radius {
			return i
		}
	}
	return len(words)
}

func first256(words []uint64, q [4]uint64, radius int) int {
	i := 0
	for q0, q1, q2, q3 := q[0], q[1], q[2], q[3]; len(words) >= 4; words = words[4:] {
		if bits.OnesCount64(words[0]^q0)+bits.OnesCount64(words[1]^q1)+bits.OnesCount64(words[2]^q2)+bits.OnesCount64(words[3]^q3) <= radius {
			return i
		}
		i++
	}
	return i
}

// A tail takes what is added.
type tail struct {
	list
	most int
	n    atomic.Int64 // those before are written, and never again
	last map[int64]int32
	prev []int32 // the slot before of the same id, or -1
}

// tailSize is read through in the time of a few hundred look-ups.
const tailSize = 16 << 10

func newTail(words, most int) *tail {
	return &tail{list: list{words: words}, most: most, last: make(map[int64]int32)}
}

func (t *tail) full() bool  { return int(t.n.Load()) >= t.most }
func (t *tail) living() int { return int(t.n.Load() - t.gone.Load()) }

func (t *tail) add(id int64, code []uint64) {
	n := int(t.n.Load())
	if t.ids == nil { // no memory for a set that stays empty
		t.ids, t.codes, t.dead = make([]int64, t.most), make([]uint64, t.most*t.words), make([]uint64, (t.most+63)/64)
	}
	t.ids[n] = id
	copy(t.codes[n*t.words:], code)
	before, ok := t.last[id]
	if !ok {
		before = -1
	}
	t.prev = append(t.prev, before)
	t.last[id] = int32(n)
	t.n.Store(int64(n + 1))
}

func (t *tail) delete(id int64) {
	slot, ok := t.last[id]
	for ok && slot >= 0 {
		t.kill(int(slot))
		slot = t.prev[slot]
	}
	delete(t.last, id)
}

func (t *tail) near(ids []int64, q []uint64, radius int) []int64 {
	n := int(t.n.Load())
	if n == 0 { // there may be no memory yet
		return ids
	}
	return t.scan(ids, n, q, radius)
}

// A table is fingerprints by id and by the value of each band.
type table struct {
	list
	bands []band
}

// A band is so many bits of each fingerprint.
type band struct {
	at, width int
	first     []uint32 // where a value begins in slots, and where the last ends
	slots     []uint32
	codes     []uint64 // beside slots, for fingerprints of 64 bits
}

// newTable makes a table of fingerprints whose ids ascend.
func newTable(words int, ids []int64, codes []uint64) *table {
	t := &table{list: list{words: words, ids: ids, codes: codes, dead: make([]uint64, (len(ids)+63)/64)}}
	t.bands = make([]band, bandsFor(words, len(ids)))
	size := 64 * words
	next := make(chan *band)
	var work sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(t.bands)) {
		work.Go(func() {
			var f filler
			for b := range next {
				f.fill(b, words, codes)
			}
		})
	}
	for i := range t.bands {
		at := i * size / len(t.bands)
		t.bands[i].at, t.bands[i].width = at, (i+1)*size/len(t.bands)-at
		next <- &t.bands[i]
	}
	close(next)
	work.Wait()
	return t
}

// bandsFor is into how many bands n fingerprints are cut. Narrower bands have more fingerprints a value, wider ones more values
// to look up. A fingerprint of 256 bits to verify is a miss of the cache, as a look-up is; those of 64 bits lie together by value,
// and fifty are verified in the time of some look-ups.
func bandsFor(words, n int) int {
	load := 4.
	if words == 1 {
		load = 50
	}
	width := math.Log2(max(float64(n)/load, 256))
	return int(math.Round(float64(64*words) / width))
}

func (b *band) value(code []uint64) uint32 {
	i, shift := b.at/64, b.at%64
	v := code[i] >> shift
	if shift+b.width > 64 {
		v |= code[i+1] << (64 - shift)
	}
	return uint32(v & (1<<b.width - 1))
}

// A filler is the memory that filling a band needs and the next can use again: 12 bytes a fingerprint.
type filler struct {
	values []uint32
	pairs  []uint64 // the value and the slot
}

// fill sorts all fingerprints by their value: first by its upper bits, into so many heaps that the ends of all stay in the cache,
// then each heap by the rest.
func (f *filler) fill(b *band, words int, codes []uint64) {
	n := len(codes) / words
	if f.values == nil {
		f.values, f.pairs = make([]uint32, n), make([]uint64, n)
	}
	lower := max(0, b.width-11)
	ends := make([]uint32, 1<<(b.width-lower))
	for i := range f.values {
		v := b.value(codes[i*words : i*words+words])
		f.values[i] = v
		ends[v>>lower]++
	}
	begin := uint32(0)
	for heap, count := range ends {
		ends[heap] = begin
		begin += count
	}
	for slot, v := range f.values {
		at := &ends[v>>lower]
		f.pairs[*at] = uint64(v)<<32 | uint64(slot)
		*at++
	}
	b.first = make([]uint32, 1<<b.width+1)
	b.slots = make([]uint32, n)
	if words == 1 {
		b.codes = make([]uint64, n)
	}
	begin = 0
	for heap, end := range ends {
		first := b.first[heap<<lower : (heap+1)<<lower]
		for _, p := range f.pairs[begin:end] {
			first[uint32(p>>32)&(1<<lower-1)]++
		}
		sum := begin
		for i, count := range first { // where a value begins
			first[i] = sum
			sum += count
		}
		for _, p := range f.pairs[begin:end] {
			at := &first[uint32(p>>32)&(1<<lower-1)]
			b.slots[*at] = uint32(p)
			if words == 1 {
				b.codes[*at] = codes[uint32(p)]
			}
			*at++
		}
		copy(first[1:], first) // each now stands where the next begins
		first[0] = begin
		begin = end
	}
	b.first[1<<b.width] = uint32(n)
}

func (t *table) living() int { return len(t.ids) - int(t.gone.Load()) }

func (t *table) bytes() int {
	n := 8 * (cap(t.ids) + cap(t.codes) + cap(t.dead))
	for _, b := range t.bands {
		n += 4*(cap(b.first)+cap(b.slots)) + 8*cap(b.codes)
	}
	return n
}

func (t *table) delete(id int64) {
	slot, _ := slices.BinarySearch(t.ids, id)
	for ; slot < len(t.ids) && t.ids[slot] == id; slot++ {
		t.kill(slot)
	}
}

// costs are what looking up a value and verifying a fingerprint take of the time to read one in a scan: measured among one and
// ten million, where most of it is waiting for memory.
type costs struct{ look, verify float64 }

func (t *table) costs() costs {
	if t.words == 1 {
		return costs{look: 50, verify: 4}
	}
	return costs{look: 9, verify: 11}
}

// A probe is the fingerprints of one value of a band.
type probe struct{ from, to uint32 }

// near looks values up, or reads everything if that is cheaper.
func (t *table) near(ids []int64, q []uint64, radius int, s *scratch) []int64 {
	c := t.costs()
	budget := float64(len(t.ids))
	flips := t.flips(radius)
	looks := 0.
	for i, b := range t.bands {
		if looks += ball(b.width, flips[i]) * c.look; looks > budget {
			return t.scan(ids, len(t.ids), q, radius)
		}
	}
	if found := t.probe(q, flips, s); looks+float64(found)*c.verify > budget {
		return t.scan(ids, len(t.ids), q, radius)
	}
	return t.verify(ids, q, radius, flips, s)
}

// probe finds the values, and says how many fingerprints have them.
func (t *table) probe(q []uint64, flips []int, s *scratch) (found int) {
	s.probes, s.ends, s.slots = s.probes[:0], s.ends[:0], s.slots[:0]
	for i := range t.bands {
		s.probes = t.bands[i].probes(s.probes, q, flips[i])
		s.ends = append(s.ends, len(s.probes))
	}
	for _, p := range s.probes {
		found += int(p.to - p.from)
	}
	return found
}

// verify compares those that probe found.
func (t *table) verify(ids []int64, q []uint64, radius int, flips []int, s *scratch) []int64 {
	from := 0
	for i, to := range s.ends {
		if t.words == 1 {
			ids = t.verify64(ids, i, s.probes[from:to], flips, q[0], radius)
		} else {
			s.slots = gather(s.slots[:0], t.bands[i].slots, s.probes[from:to])
			ids = t.verify256(ids, i, s.slots, flips, [4]uint64(q), radius)
		}
		from = to
	}
	return ids
}

// scratch is what a search needs and the next can use again.
type scratch struct {
	probes []probe
	ends   []int // of each band in probes
	slots  []uint32
}

// flips is in how many bits each band may differ from the query's, -1 if it need not be looked at.
func (t *table) flips(radius int) []int {
	m := len(t.bands)
	flips := make([]int, m)
	for i := range flips {
		flips[i] = radius / m
		if i > radius%m {
			flips[i]--
		}
	}
	return flips
}

// ball is how many values of a width differ in at most k bits from one.
func ball(width, k int) float64 {
	sum, choose := 0., 1.
	for i := 0; i <= min(k, width); i++ {
		sum += choose
		choose *= float64(width-i) / float64(i+1)
	}
	return sum
}

// probes appends the values in at most k bits from the query's that a fingerprint has.
func (b *band) probes(probes []probe, q []uint64, k int) []probe {
	v := b.value(q)
	for ones := 0; ones <= min(k, b.width); ones++ {
		// All numbers with so many ones, in order: Knuth, The Art of Computer Programming 4A, 7.1.3 (Gosper).
		for flip := uint64(1)<<ones - 1; flip < 1<<b.width; {
			at := v ^ uint32(flip)
			if p := (probe{b.first[at], b.first[at+1]}); p.from < p.to {
				probes = append(probes, p)
			}
			if ones == 0 {
				break
			}
			low := flip & -flip
			up := flip + low
			flip = up | (flip^up)>>(2+bits.TrailingZeros64(low))
		}
	}
	return probes
}

// gather copies the slots of probes together: the loop after it then waits for many fingerprints at once.
func gather(slots, all []uint32, probes []probe) []uint32 {
	for _, p := range probes {
		slots = append(slots, all[p.from:p.to]...)
	}
	return slots
}

func (t *table) verify256(ids []int64, b int, slots []uint32, flips []int, q [4]uint64, radius int) []int64 {
	q0, q1, q2, q3 := q[0], q[1], q[2], q[3]
	codes := t.codes
	for _, slot := range slots {
		c := codes[4*int(slot):][:4:4]
		if bits.OnesCount64(c[0]^q0)+bits.OnesCount64(c[1]^q1)+bits.OnesCount64(c[2]^q2)+bits.OnesCount64(c[3]^q3) <= radius {
			ids = t.hit(ids, b, int(slot), flips, []uint64{c[0] ^ q0, c[1] ^ q1, c[2] ^ q2, c[3] ^ q3})
		}
	}
	return ids
}

func (t *table) verify64(ids []int64, b int, probes []probe, flips []int, q uint64, radius int) []int64 {
	for _, p := range probes {
		codes := t.bands[b].codes[p.from:p.to]
		for i := 0; ; i++ {
			if i += first64(codes[i:], q, radius); i >= len(codes) {
				break
			}
			ids = t.hit(ids, b, int(t.bands[b].slots[int(p.from)+i]), flips, []uint64{codes[i] ^ q})
		}
	}
	return ids
}

// hit appends the id of a fingerprint that differs from the query in the bits of diff, unless it was deleted or an earlier band
// has found it.
func (t *table) hit(ids []int64, b, slot int, flips []int, diff []uint64) []int64 {
	for i := range b {
		if bits.OnesCount32(t.bands[i].value(diff)) <= flips[i] {
			return ids
		}
	}
	if !t.alive(slot) {
		return ids
	}
	return append(ids, t.ids[slot])
}

// A source is what is merged: the list, and the slots in the order of their ids.
type source struct {
	*list
	order []int32 // nil: as they are
	n     int
}

func (t *table) sorted() source { return source{list: &t.list, n: len(t.ids)} }

func (t *tail) sorted() source { return sorted(&t.list, int(t.n.Load())) }

func sorted(l *list, n int) source {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(l.ids[a], l.ids[b]) })
	return source{list: l, order: order, n: n}
}

// slot is the ith of the source.
func (s *source) slot(i int) int {
	if s.order != nil {
		return int(s.order[i])
	}
	return i
}

// living is how many of the source are not deleted.
func (s *source) living() int { return s.n - int(s.gone.Load()) }

// frozen is s as it is now: what is deleted later still is in it.
func (s source) frozen() source {
	l := &list{words: s.words, ids: s.ids, codes: s.codes, dead: make([]uint64, len(s.dead))}
	gone := 0
	for i := range l.dead {
		l.dead[i] = atomic.LoadUint64(&s.dead[i])
		gone += bits.OnesCount64(l.dead[i])
	}
	l.gone.Store(int64(gone))
	s.list = l
	return s
}

// merged gives what is not deleted in the order of ids.
func merged(sources []source) iter.Seq2[int64, []uint64] {
	return func(yield func(id int64, code []uint64) bool) {
		at := make([]int, len(sources))
		for {
			from := -1
			var id int64
			for i := range sources {
				s := &sources[i]
				for at[i] < s.n && !s.alive(s.slot(at[i])) {
					at[i]++
				}
				if at[i] < s.n {
					if d := s.ids[s.slot(at[i])]; from < 0 || d < id {
						from, id = i, d
					}
				}
			}
			if from < 0 {
				return
			}
			s := &sources[from]
			k := s.slot(at[from]) * s.words
			if !yield(id, s.codes[k:k+s.words]) {
				return
			}
			at[from]++
		}
	}
}

// merge makes a table of what is not deleted, nil of nothing.
func merge(words int, sources []source) *table {
	n := 0
	for i := range sources {
		n += sources[i].living() // more may die meanwhile
	}
	ids, codes := make([]int64, 0, n), make([]uint64, 0, n*words)
	for id, code := range merged(sources) {
		ids = append(ids, id)
		codes = append(codes, code...)
	}
	if len(ids) == 0 {
		return nil
	}
	return newTable(words, ids, codes)
}
