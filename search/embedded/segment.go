package embedded

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"os"
	"runtime"
	"sync"

	"xunqin/search"
)

// A segment is a file, never changed, of the points of many pictures sorted by word, so that a search reads the points of a word
// in one piece. It holds, numbers being little-endian:
//
//	header     "xunqpts1", bits of a word, numbers spanned, points, pictures, as uint32
//	offsets    where the points of each word begin, and the end, as uint32
//	pictures   the picture of each point, as uint16
//	angles     one byte a point
//	levels     one byte a point
//	heads      16 bytes a point: the first half of its descriptor
//	rests      16 bytes a point: the other half, which a search seldom reads
//
// The points of a word stand in the order of their pictures.
type segment struct {
	first   int64 // the number of picture 0
	n       int   // numbers it spans, some of pictures long gone
	held    int   // pictures in it, dead ones too
	data    []byte
	offsets []byte
	of      []byte
	angles  []byte
	levels  []byte
	heads   []byte
	rests   []byte
	dead    bitmap
	deadN   int

	id      int64
	release func() error
}

const (
	segmentMagic = "xunqpts1"
	headerBytes  = len(segmentMagic) + 4*4
	words        = 1 << search.WordBits
	maxPictures  = 1 << 16 // a segment's
	pointBytes   = 2 + 1 + 1 + 32
)

// A bitmap has a bit for each picture a segment can hold. The nil bitmap is empty.
type bitmap []uint64

func (b bitmap) has(i int) bool { return b != nil && b[i>>6]>>(i&63)&1 != 0 }

func (b *bitmap) set(i int) {
	if *b == nil {
		*b = make(bitmap, maxPictures/64)
	}
	(*b)[i>>6] |= 1 << (i & 63)
}

func segmentSize(points int) int { return headerBytes + 4*(words+1) + pointBytes*points }

// parseSegment reads the frame of a segment: that the points are as they were written, only their checksum can tell.
func parseSegment(b []byte) (*segment, error) {
	if len(b) < headerBytes || string(b[:len(segmentMagic)]) != segmentMagic {
		return nil, errors.New("no segment")
	}
	head := b[len(segmentMagic):]
	if binary.LittleEndian.Uint32(head) != search.WordBits {
		return nil, ErrOutdated
	}
	n, points := int(binary.LittleEndian.Uint32(head[4:])), int(binary.LittleEndian.Uint32(head[8:]))
	if n > maxPictures || len(b) != segmentSize(points) {
		return nil, fmt.Errorf("segment of %d pictures and %d points has %d bytes", n, points, len(b))
	}
	s := &segment{n: n, held: int(binary.LittleEndian.Uint32(head[12:])), data: b}
	rest := b[headerBytes:]
	for _, part := range []struct {
		to   *[]byte
		size int
	}{{&s.offsets, 4 * (words + 1)}, {&s.of, 2 * points}, {&s.angles, points}, {&s.levels, points}, {&s.heads, half * points}, {&s.rests, half * points}} {
		*part.to, rest = rest[:part.size:part.size], rest[part.size:]
	}
	last := uint32(0)
	for i := range words + 1 {
		o := binary.LittleEndian.Uint32(s.offsets[4*i:])
		if o < last || int(o) > points || i == words && int(o) != points {
			return nil, errors.New("segment out of order")
		}
		last = o
	}
	return s, nil
}

func appendHead(b []byte, n, points, held int) []byte {
	b = append(b, segmentMagic...)
	for _, v := range []int{search.WordBits, n, points, held} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// span is where the points of a word are.
func (s *segment) span(word uint32) (from, to int) {
	o := s.offsets[4*word:]
	return int(binary.LittleEndian.Uint32(o)), int(binary.LittleEndian.Uint32(o[4:]))
}

func (s *segment) picture(point int) int {
	return int(binary.LittleEndian.Uint16(s.of[2*point:]))
}

// lives reports whether a picture has votes; one beyond the segment's, of a damaged file, has none.
func (s *segment) lives(picture int) bool { return picture < s.n && !s.dead.has(picture) }

func (s *segment) live() int { return s.held - s.deadN }

func (s *segment) kill(number int64) {
	if i := int(number - s.first); !s.dead.has(i) {
		s.dead.set(i)
		s.deadN++
	}
}

// A part is a segment or the tail: pictures counted from 0, and points.
type part interface {
	// size is how many points have the word, dead ones too.
	size(word uint32) int
	// having calls with the picture of each point that has the word, in order and dead ones left out, until it returns false.
	having(word uint32, call func(picture int) bool) bool
	// meet appends the meetings of a query's point with the points of words, NearWords at most.
	meet(to []meeting, words []uint32, q *queryPoint) []meeting
	// number is the number of a picture in its class, and pictures a bound of all pictures.
	number(picture int) int64
	pictures() int
}

func (s *segment) pictures() int { return s.n }

func (s *segment) number(picture int) int64 { return s.first + int64(picture) }

func (s *segment) size(word uint32) int {
	from, to := s.span(word)
	return to - from
}

func (s *segment) having(word uint32, call func(int) bool) bool {
	from, to := s.span(word)
	for i := from; i < to; i++ {
		if p := s.picture(i); s.lives(p) && !call(p) {
			return false
		}
	}
	return true
}

func (s *segment) meet(to []meeting, words []uint32, q *queryPoint) []meeting {
	// Where the words are and what is there is read before it is needed, for all of them at once: memory is waited for one time
	// instead of nineteen.
	var spans [search.WordBits + 1][2]int
	touched := byte(0)
	for i, w := range words {
		spans[i][0], spans[i][1] = s.span(w)
	}
	for _, span := range spans[:len(words)] {
		if span[0] < span[1] {
			touched ^= s.heads[half*span[0]]
		}
	}
	runtime.KeepAlive(touched)
	for _, span := range spans[:len(words)] {
		heads := s.heads[half*span[0] : half*span[1]]
		for i := span[0]; len(heads) >= half; i, heads = i+1, heads[half:] {
			n := distance(heads, q.desc[0], q.desc[1])
			if n > search.MaxDistance { // as of nearly all that are not the same
				continue
			}
			n += distance(s.rests[half*i:half*i+half], q.desc[2], q.desc[3])
			if n > search.MaxDistance {
				continue
			}
			if p := s.picture(i); s.lives(p) {
				to = append(to, q.meeting(p, i, n, s.angles[i], s.levels[i]))
			}
		}
	}
	return to
}

// half a descriptor, in bytes.
const half = 16

// distance is the Hamming distance between half a descriptor and half a query's.
func distance(d []byte, q0, q1 uint64) int {
	_ = d[half-1]
	return bits.OnesCount64(binary.LittleEndian.Uint64(d)^q0) + bits.OnesCount64(binary.LittleEndian.Uint64(d[8:])^q1)
}

// writeSegment merges segments that follow each other, leaving out the dead, into one that begins at picture first, and returns
// how many points it has. All pictures must be less than maxPictures after the first. It passes over the points six
// times.
func writeSegment(w io.Writer, in []*segment, first int64, n int) (points int, err error) {
	held := 0
	for _, s := range in {
		held += s.live()
	}
	offsets := make([]byte, 0, 4*(words+1))
	for word := range uint32(words) {
		offsets = binary.LittleEndian.AppendUint32(offsets, uint32(points))
		for _, s := range in {
			s.having(word, func(int) bool { points++; return true })
		}
	}
	offsets = binary.LittleEndian.AppendUint32(offsets, uint32(points))
	out := bufio.NewWriterSize(w, 1<<20)
	out.Write(appendHead(nil, n, points, held)) // a bufio.Writer keeps its first error for Flush
	out.Write(offsets)
	each := func(do func(s *segment, point int)) {
		for word := range uint32(words) {
			for _, s := range in {
				from, to := s.span(word)
				for i := from; i < to; i++ {
					if s.lives(s.picture(i)) {
						do(s, i)
					}
				}
			}
		}
	}
	each(func(s *segment, i int) {
		p := uint16(s.number(s.picture(i)) - first)
		out.WriteByte(byte(p))
		out.WriteByte(byte(p >> 8))
	})
	each(func(s *segment, i int) { out.WriteByte(s.angles[i]) })
	each(func(s *segment, i int) { out.WriteByte(s.levels[i]) })
	each(func(s *segment, i int) { out.Write(s.heads[half*i : half*i+half]) })
	each(func(s *segment, i int) { out.Write(s.rests[half*i : half*i+half]) })
	return points, out.Flush()
}

// A picture is what is stored of Features until they go into a segment: angle, level and descriptor of each point that votes.
type picture struct {
	number int64
	points []byte
}

const storedBytes = 1 + 1 + 32

func storePoints(f search.Features) []byte {
	points := f.Voting()
	b := make([]byte, 0, storedBytes*len(points))
	for i := range points {
		p := &points[i]
		b = append(append(b, p.Angle, p.Level), p.Desc[:]...)
	}
	return b
}

func storedWord(p []byte) uint32 {
	return (&search.Point{Desc: [32]byte(p[2:storedBytes])}).Word()
}

// makeSegment sorts pictures, in the order of their numbers, into a segment in memory.
func makeSegment(pictures []picture) (*segment, error) {
	first := pictures[0].number
	n := int(pictures[len(pictures)-1].number-first) + 1
	points, next := 0, make([]uint32, words+1)
	for _, p := range pictures {
		for b := p.points; len(b) >= storedBytes; b = b[storedBytes:] {
			next[storedWord(b)+1]++
			points++
		}
	}
	data := make([]byte, segmentSize(points))
	frame := appendHead(data[:0], n, points, len(pictures))
	for w := range next {
		if w > 0 {
			next[w] += next[w-1]
		}
		frame = binary.LittleEndian.AppendUint32(frame, next[w])
	}
	s, err := parseSegment(data)
	if err != nil {
		return nil, err
	}
	s.first = first
	for _, p := range pictures {
		for b := p.points; len(b) >= storedBytes; b = b[storedBytes:] {
			i := next[storedWord(b)]
			next[storedWord(b)]++
			binary.LittleEndian.PutUint16(s.of[2*i:], uint16(p.number-first))
			s.angles[i], s.levels[i] = b[0], b[1]
			copy(s.heads[half*i:], b[2:2+half])
			copy(s.rests[half*i:half*i+half], b[2+half:])
		}
	}
	return s, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// createSegment writes a segment into a file of its own, for good, and returns its points and checksum.
func createSegment(path string, in []*segment, first int64, n int) (points int, sum uint32, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, 0, err
	}
	hash := crc32.New(castagnoli)
	points, err = writeSegment(io.MultiWriter(f, hash), in, first, n)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, 0, errors.Join(err, os.Remove(path))
	}
	return points, hash.Sum32(), nil
}

// openSegment maps the file of a segment.
func openSegment(path string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < int64(headerBytes) {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, path, info.Size())
	}
	data, release, err := mapFile(f, int(info.Size()))
	if err != nil {
		return nil, err
	}
	s, err := parseSegment(data)
	if err != nil {
		if !errors.Is(err, ErrOutdated) {
			err = fmt.Errorf("%w: %s: %w", ErrCorrupt, path, err)
		}
		return nil, errors.Join(err, release())
	}
	s.release = sync.OnceValue(release)
	return s, nil
}
