package miniature

import "encoding/binary"

// A table decodes the codes of one Huffman table. Of a code of at most lutBits bits everything is known by one look at the next
// lutBits bits: an entry of lut has the length of the code in its lowest byte and the symbol in the next. In a table of AC
// coefficients, where the bits of the coefficient fit behind the code, the length is that of both and the upper half of the entry
// is the coefficient, which is never 0. An entry of 0 begins a longer code, or none.
type table struct {
	defined bool
	lut     [1 << lutBits]uint32
	limit   [maxLength + 1]uint32 // the first 16 bits that are no code of this length or a shorter one
	first   [maxLength + 1]int32  // what to add to a code of this length for its place in symbols
	symbols [256]byte
}

const (
	lutBits   = 10
	maxLength = 16
)

// define reads a table as it stands in a file: 16 counts and the symbols. It returns how many bytes that were.
func (t *table) define(b []byte, ac bool) (int, bool) {
	counts, rest := b[:maxLength], b[maxLength:]
	total := 0
	for _, n := range counts {
		total += int(n)
	}
	if total == 0 || total > len(t.symbols) || total > len(rest) {
		return 0, false
	}
	*t = table{}
	copy(t.symbols[:], rest[:total])
	code, at := uint32(0), int32(0)
	for length := 1; length <= maxLength; length++ {
		n := uint32(counts[length-1])
		if code+n > 1<<length {
			return 0, false
		}
		t.first[length] = at - int32(code)
		for range n {
			if length <= lutBits {
				t.fill(code, length, t.symbols[at], ac)
			}
			code++
			at++
		}
		t.limit[length] = code << (maxLength - length)
		code <<= 1
	}
	t.defined = true
	return maxLength + total, true
}

// fill writes the entries that begin with a code.
func (t *table) fill(code uint32, length int, symbol byte, ac bool) {
	spare := lutBits - length
	size := int(symbol & 15)
	for tail := range uint32(1) << spare {
		e := uint32(symbol)<<8 | uint32(length)
		if ac && size > 0 && size <= spare {
			v := extend(tail>>(spare-size), size)
			e = uint32(v)<<16 | uint32(symbol)<<8 | uint32(length+size)
		}
		t.lut[code<<spare|tail] = e
	}
}

// long looks up a code longer than lutBits at the beginning of acc. Its length is 0 when there is none.
func (t *table) long(acc uint64) (symbol byte, length uint) {
	code := uint32(acc >> (64 - maxLength))
	for l := lutBits + 1; l <= maxLength; l++ {
		if code < t.limit[l] {
			return t.symbols[(int32(code>>(maxLength-l))+t.first[l])&255], uint(l)
		}
	}
	return 0, 0
}

// extend makes a signed number of the size bits that follow a code: T.81, F.2.2.1.
func extend(v uint32, size int) int32 {
	if v < 1<<size>>1 {
		return int32(v) - (1<<size - 1)
	}
	return int32(v)
}

// bitReader reads the data of a scan. It holds the next n bits, first of all in acc; the bits of acc after these are 0 or what will be
// read there. Where a marker or the end of the file comes, it goes on with zeros and counts them, so that nothing needs to be
// checked before each bit: what took more than there was is found by exhausted.
type bitReader struct {
	b   []byte
	at  int
	acc uint64
	n   uint
	pad uint // zeros put behind what the file has
}

// exhausted reports whether bits were taken that are not there.
func (r *bitReader) exhausted() bool { return r.pad > r.n }

// fill makes n at least 57.
func (r *bitReader) fill() {
	if r.at+8 <= len(r.b) {
		if v := binary.BigEndian.Uint64(r.b[r.at:]); !holdsFF(v) {
			r.acc |= v >> (r.n & 63)
			r.at += int((63 - r.n) >> 3)
			r.n |= 56
			return
		}
	}
	for r.n <= 56 {
		if r.at+1 < len(r.b) && (r.b[r.at] != 0xff || r.b[r.at+1] == 0) {
			r.acc |= uint64(r.b[r.at]) << (56 - r.n)
			if r.b[r.at] == 0xff {
				r.at++
			}
			r.at++
		} else {
			r.pad += 8
		}
		r.n += 8
	}
}

// holdsFF reports whether one of eight bytes is 0xff.
func holdsFF(v uint64) bool { return (^v-0x0101010101010101)&v&0x8080808080808080 != 0 }

func (r *bitReader) drop(n uint) {
	r.acc <<= n & 63
	r.n -= n
}

// symbol decodes one symbol and leaves at least 16 bits to be taken after it.
func (r *bitReader) symbol(t *table) (symbol byte, ok bool) {
	if r.n < 32 {
		r.fill()
	}
	e := t.lut[r.acc>>(64-lutBits)]
	if e != 0 {
		length := e & 0xff
		if e>>16 != 0 {
			length -= e >> 8 & 15 // the bits of the coefficient are left
		}
		r.drop(uint(length))
		return byte(e >> 8), true
	}
	symbol, length := t.long(r.acc)
	r.drop(length)
	return symbol, length > 0
}

// take returns the next n bits, of at most 16, after symbol.
func (r *bitReader) take(n int) uint32 {
	v := uint32(r.acc >> 32 >> (32 - uint(n)))
	r.drop(uint(n))
	return v
}

// bit returns one bit.
func (r *bitReader) bit() bool {
	if r.n == 0 {
		r.fill()
	}
	set := int64(r.acc) < 0
	r.acc <<= 1
	r.n--
	return set
}
