package draw

import (
	"encoding/binary"
	"image"
	"math/bits"
	"math/rand/v2"
)

// The size of a composite: one megapixel, in strips of whole JPEG blocks.
const (
	CompositeWidth  = 1168
	CompositeHeight = strips * stripHeight

	strips      = 9
	stripHeight = 96
	sources     = 24
	block       = 16 // pixels along the side of an MCU of a 4:2:0 JPEG
)

// Composites are many different pictures at the price of a few: each is put together from
// strips of 24 drawn ones. A JPEG with restart markers is a row of pieces that were each
// encoded as if alone, so the strips are encoded once and a picture costs a copy of its
// bytes. They are for measuring, not for looking at.
type Composites struct {
	head    []byte // of every file, to the start of its scan
	strips  [sources][strips][]byte
	choices [][strips]uint8
}

// NewComposites prepares n pictures whose perceptual hashes are at least [Apart] from each
// other, give or take what JPEG does to them. It takes a second, and another for 2,000.
func NewComposites(seed uint64, n int) *Composites {
	c := &Composites{}
	var small [sources]*image.Gray
	a := NewAlbum(seed, CompositeWidth, CompositeHeight)
	for s := range sources {
		img := a.Next()
		small[s] = image.NewGray(image.Rect(0, 0, thumb, strips*8))
		for i := range strips {
			part := image.Rect(0, i*stripHeight, CompositeWidth, (i+1)*stripHeight)
			head, scan := split(JPEG(img.SubImage(part), 80))
			c.head, c.strips[s][i] = head, scan
		}
		shrinkTo(small[s], img)
	}
	whole := image.NewGray(small[0].Rect)
	r := rand.New(rand.NewPCG(seed, 1))
	var hashes []uint64
next:
	for len(c.choices) < n {
		var choice [strips]uint8
		for i := range choice {
			choice[i] = uint8(r.IntN(sources))
			copy(whole.Pix[i*8*thumb:(i+1)*8*thumb], small[choice[i]].Pix[i*8*thumb:])
		}
		h := hash(whole)
		for _, other := range hashes {
			if bits.OnesCount64(h^other) < Apart {
				continue next
			}
		}
		hashes = append(hashes, h)
		c.choices = append(c.choices, choice)
	}
	return c
}

// JPEG returns picture i of n, about 150 kB, in some 20 µs. It may be called at once from
// many goroutines.
func (c *Composites) JPEG(i int) []byte {
	out := append(make([]byte, 0, 256<<10), c.head...)
	for k, s := range c.choices[i] {
		if k > 0 {
			out = append(out, 0xff, 0xd0+byte(k-1)%8) // RST0 to RST7, in turn
		}
		out = append(out, c.strips[s][k]...)
	}
	return append(out, 0xff, 0xd9) // EOI
}

// split parts the JPEG of a strip, as image/jpeg writes it, into its scan's data and the
// headers before them, changed to those of a whole composite with a restart interval of
// one strip.
func split(b []byte) (head, scan []byte) {
	at := 2 // after SOI
	for {
		marker, size := b[at+1], int(binary.BigEndian.Uint16(b[at+2:]))
		switch marker {
		case 0xc0: // SOF0: precision, height, width
			binary.BigEndian.PutUint16(b[at+5:], CompositeHeight)
		case 0xda: // SOS
			head = append(head, b[:at]...)
			head = append(head, 0xff, 0xdd, 0, 4) // DRI
			head = binary.BigEndian.AppendUint16(head, CompositeWidth/block*stripHeight/block)
			head = append(head, b[at:at+2+size]...)
			return head, b[at+2+size : len(b)-2] // before EOI
		}
		at += 2 + size
	}
}
