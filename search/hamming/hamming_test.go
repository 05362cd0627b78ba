package hamming

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// plain is the specification: a scan.
type plain map[int64][][]byte

func (p plain) near(code []byte, radius int) []int64 {
	var ids []int64
	for id, codes := range p {
		for _, c := range codes {
			if distance(c, code) <= radius {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

func distance(a, b []byte) (n int) {
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

// A maker draws fingerprints: random ones, or such as crowd around a few or have most bits in common.
type maker struct {
	*rand.Rand
	bytes   int
	crowded bool
	centres [][]byte
}

func newMaker(seed uint64, bytes int, crowded bool) *maker {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 1)), bytes: bytes, crowded: crowded}
	for range 3 {
		m.centres = append(m.centres, m.random())
	}
	return m
}

func (m *maker) random() []byte {
	code := make([]byte, m.bytes)
	for i := 0; i < len(code); i += 8 {
		binary.BigEndian.PutUint64(code[i:], m.Uint64())
	}
	return code
}

func (m *maker) code() []byte {
	if !m.crowded || m.IntN(20) == 0 {
		return m.random()
	}
	return m.flip(m.centres[m.IntN(len(m.centres))], m.IntN(4*m.bytes))
}

// flip changes n bits.
func (m *maker) flip(code []byte, n int) []byte {
	code = slices.Clone(code)
	for _, i := range m.Perm(8 * m.bytes)[:n] {
		code[i/8] ^= 1 << (i % 8)
	}
	return code
}

// radii that a set of so many bits is asked for: none, those that photos are compared with, the edges of all pigeonholes.
func radii(bytes int) []int {
	if bytes == 8 {
		return []int{0, 1, 3, 4, 5, 8, 10, 12, 16, 31, 32, 63, 64}
	}
	return []int{0, 1, 15, 16, 17, 31, 32, 47, 48, 60, 128, 255, 256}
}

// check compares a set with the plain scan, near stored fingerprints and far from all.
func check(t rapid.TB, m *maker, s *Set, want plain, asks int) {
	t.Helper()
	stored := 0
	var some [][]byte
	for _, codes := range want {
		stored += len(codes)
		some = append(some, codes...)
		if len(some) > 50 {
			break
		}
	}
	for range asks {
		radius := radii(m.bytes)[m.IntN(len(radii(m.bytes)))]
		q := m.code()
		if len(some) > 0 && m.IntN(4) > 0 { // with one at exactly the radius, or just beyond it
			q = m.flip(some[m.IntN(len(some))], min(radius+m.IntN(2), 8*m.bytes))
		}
		got := s.Near(nil, q, radius)
		slices.Sort(got)
		if d := cmp.Diff(want.near(q, radius), got); d != "" {
			t.Fatalf("within %d bits of %x (-want +got):\n%s", radius, q, d)
		}
	}
}

// The sizes are such that bands of several widths come up, and all that a set does with them.
func TestNearIsTheScan(t *testing.T) {
	for _, bytes := range []int{8, 32} {
		for _, crowded := range []bool{false, true} {
			for _, n := range []int{0, 1, 300, 5_000, 60_000} {
				t.Run(fmt.Sprintf("%d bits, crowded %v, %d", 8*bytes, crowded, n), func(t *testing.T) {
					t.Parallel()
					m := newMaker(uint64(n), bytes, crowded)
					want := make(plain)
					var ids []int64
					var codes []uint64
					for i := range n {
						id, code := int64(m.IntN(n)), m.code()
						if i%2 == 0 {
							id = int64(i) // some ids have several, in no order
						}
						want[id] = append(want[id], code)
						ids, codes = append(ids, id), AppendWords(codes, code)
					}
					s := Of(bytes, ids, codes)
					if s.Len() != n {
						t.Errorf("holds %d, want %d", s.Len(), n)
					}
					check(t, m, s, want, 40)
				})
			}
		}
	}
}

// A table of so many is looked up rather than read, so that a wrong look-up is seen.
func TestNearLooksUp(t *testing.T) {
	for _, bytes := range []int{8, 32} {
		m := newMaker(7, bytes, false)
		var ids []int64
		var codes []uint64
		want := make(plain)
		for i := range 60_000 {
			code := m.code()
			ids, codes = append(ids, int64(i)), AppendWords(codes, code)
			want[int64(i)] = [][]byte{code}
		}
		tbl := newTable(bytes/8, ids, codes)
		for radius := 0; radius <= 4*bytes && radius <= 60; radius++ {
			id := int64(m.IntN(len(ids)))
			q := m.flip(want[id][0], radius)
			words, flips, sc := AppendWords(nil, q), tbl.flips(radius), new(scratch)
			tbl.probe(words, flips, sc)
			got := tbl.verify(nil, words, radius, flips, sc)
			if !slices.Contains(got, id) {
				t.Errorf("%d bits: one at %d bits is not looked up within as many", 8*bytes, radius)
			}
			slices.Sort(got)
			if radius%8 == 7 {
				if d := cmp.Diff(want.near(q, radius), got); d != "" {
					t.Errorf("%d bits, looked up within %d (-want +got):\n%s", 8*bytes, radius, d)
				}
			}
			if bytes == 8 && radius == 12 {
				break
			}
		}
	}
}

func TestNearFollowsChanges(t *testing.T) {
	for _, bytes := range []int{8, 32} {
		for _, crowded := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bits, crowded %v", 8*bytes, crowded), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(t *rapid.T) {
					m := newMaker(rapid.Uint64().Draw(t, "seed"), bytes, crowded)
					want := make(plain)
					s := of(bytes, 256, nil, nil) // tables of few, and many of them
					known := 1 + m.IntN(2000)
					put := func() {
						id, code := int64(m.IntN(known)), m.code()
						s.Add(id, code)
						want[id] = append(want[id], code)
					}
					drop := func(id int64) {
						s.Delete(id)
						delete(want, id)
					}
					for range rapid.IntRange(1, 12).Draw(t, "steps") {
						switch rapid.SampledFrom([]string{"add", "add", "delete", "replace", "settle"}).Draw(t, "step") {
						case "add":
							for range m.IntN(3 * s.most) {
								put()
							}
						case "delete":
							for range m.IntN(known + 1) {
								drop(int64(m.IntN(known)))
							}
						case "replace":
							for range m.IntN(100) {
								drop(int64(m.IntN(known)))
								put()
							}
						case "settle":
							s.Settle()
						}
						check(t, m, s, want, 5)
					}
					n := 0
					for _, codes := range want {
						n += len(codes)
					}
					if s.Len() != n {
						t.Errorf("holds %d, want %d", s.Len(), n)
					}
					before := make(plain)
					for id, codes := range want {
						before[id] = slices.Clone(codes)
					}
					counted, all := s.Sorted()
					drop(int64(m.IntN(known))) // too late to be missing below
					put()
					sorted, last := make(plain), int64(-1)
					for id, code := range all {
						if id < last {
							t.Fatalf("%d is behind %d", id, last)
						}
						last = id
						var b []byte
						for _, w := range code {
							b = binary.BigEndian.AppendUint64(b, w)
						}
						sorted[id] = append(sorted[id], b)
						counted--
					}
					if counted != 0 {
						t.Errorf("counts %d more than it gives", counted)
					}
					byCode := cmpopts.SortSlices(func(a, b []byte) bool { return slices.Compare(a, b) < 0 })
					if d := cmp.Diff(before, sorted, byCode); d != "" {
						t.Errorf("sorted (-want +got):\n%s", d)
					}
				})
			})
		}
	}
}

// Searches, changes and Settle go on together. What nobody touches is always found, what is deleted for good never again.
func TestChangesDoNotDisturbSearches(t *testing.T) {
	m := newMaker(3, 32, false)
	var ids []int64
	var codes []uint64
	var kept [][]byte
	for i := range 20_000 {
		code := m.code()
		kept = append(kept, code)
		ids, codes = append(ids, int64(i)), AppendWords(codes, code)
	}
	s := Of(32, ids, codes)
	var work sync.WaitGroup
	done := make(chan struct{})
	work.Go(func() {
		defer close(done)
		m := newMaker(4, 32, false)
		for i := range 4 * tailSize {
			id := int64(1_000_000 + i%1000)
			if i%3 == 0 {
				s.Delete(id)
			}
			s.Add(id, m.code())
			if i < 5000 {
				s.Delete(int64(10_000 + i))
			}
			if i == 5000 {
				if got := s.Near(nil, kept[10_000], 0); got != nil {
					t.Errorf("found %d after it was deleted", got)
				}
			}
		}
	})
	work.Go(func() {
		for {
			s.Settle()
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for seed := range uint64(2) {
		work.Go(func() {
			m := newMaker(10+seed, 32, false)
			for {
				id := m.IntN(10_000)
				if got := s.Near(nil, m.flip(kept[id], 48), 48); !slices.Equal(got, []int64{int64(id)}) {
					t.Errorf("near %d is %d", id, got)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	work.Wait()
	s.Settle()
	for id := range 5000 {
		if got := s.Near(nil, kept[10_000+id], 48); got != nil {
			t.Fatalf("found %d after it was deleted", got)
		}
	}
}

func TestSettleLeavesFewTablesAndNothingDeleted(t *testing.T) {
	m := newMaker(5, 8, false)
	s := New(8)
	const n = 12 * tailSize
	for i := range n {
		s.Add(int64(i), m.code())
	}
	before := len(s.parts.Load().tables)
	s.Settle()
	if after := len(s.parts.Load().tables); before < 11 || after > 4 {
		t.Errorf("%d tables of %d", after, before)
	}
	for i := range n {
		s.Delete(int64(i))
	}
	s.Settle()
	if p := s.parts.Load(); len(p.tables) > 0 || s.Len() != 0 {
		t.Errorf("%d tables and %d fingerprints after all were deleted", len(p.tables), s.Len())
	}
}

func TestWhatIsDeletedWhileTablesAreMergedStaysDeleted(t *testing.T) {
	m := newMaker(8, 32, false)
	s := of(32, 64, nil, nil)
	codes := make(map[int64][]byte)
	add := func(id int64) {
		codes[id] = m.code()
		s.Add(id, codes[id])
	}
	for id := range int64(200) { // three tables and a tail
		add(id)
	}
	from, to, merged := s.merged()
	if from == to {
		t.Fatal("nothing is merged")
	}
	gone := codes[3]
	s.Delete(3, 150)
	add(3)                       // of a document that was replaced
	for id := range int64(100) { // makes another table
		add(1000 + id)
	}
	s.replace(from, to, merged)
	if got := s.Near(nil, gone, 48); got != nil {
		t.Errorf("found %d by what was deleted", got)
	}
	delete(codes, 150)
	for id, code := range codes {
		if got := s.Near(nil, code, 48); !slices.Equal(got, []int64{id}) {
			t.Errorf("near %d is %d", id, got)
		}
	}
	if s.Len() != len(codes) {
		t.Errorf("holds %d, want %d", s.Len(), len(codes))
	}
}

// All bits alike: each value is everybody's, and the budget must not be spent more than once.
func TestACrowdIsRead(t *testing.T) {
	const n = 50_000
	code := make([]byte, 32)
	s := Of(32, make([]int64, n), make([]uint64, 4*n))
	if got := s.Near(nil, code, 31); len(got) != n {
		t.Errorf("found %d of %d", len(got), n)
	}
	tbl := s.parts.Load().tables[0]
	sc := new(scratch)
	if tbl.near(nil, make([]uint64, 4), 31, sc); len(sc.slots) > 0 {
		t.Errorf("%d fingerprints were verified one by one", len(sc.slots))
	}
}

func TestAFingerprintTakesAtMost130Bytes(t *testing.T) {
	m := newMaker(6, 32, false)
	const n = 400_000
	ids, codes := make([]int64, n), make([]uint64, 0, 4*n)
	for i := range ids {
		ids[i] = int64(i)
		codes = AppendWords(codes, m.code())
	}
	s := Of(32, ids, codes)
	if each := float64(s.Bytes()) / n; each > 130 {
		t.Errorf("%.1f bytes each", each)
	}
}

func BenchmarkNear(b *testing.B) {
	for _, bytes := range []int{8, 32} {
		for _, n := range []int{100_000, 1_000_000, 10_000_000} {
			r := rand.New(rand.NewPCG(1, 2))
			ids, codes := make([]int64, n), make([]uint64, n*bytes/8)
			for i := range ids {
				ids[i] = int64(i)
			}
			for i := range codes {
				codes[i] = r.Uint64()
			}
			s := Of(bytes, ids, codes)
			radii := []int{10, 12}
			if bytes == 32 {
				radii = []int{31, 48, 60}
			}
			for _, radius := range append(radii, 8*bytes/2-20) {
				b.Run(fmt.Sprintf("%d bits, %d, within %d", 8*bytes, n, radius), func(b *testing.B) {
					q := make([]byte, bytes)
					for b.Loop() {
						for i := 0; i < bytes; i += 8 {
							binary.BigEndian.PutUint64(q[i:], r.Uint64())
						}
						s.Near(nil, q, radius)
					}
					b.ReportMetric(float64(s.Bytes())/float64(n), "B/fingerprint")
				})
			}
		}
	}
}
