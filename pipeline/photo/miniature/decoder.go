package miniature

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"io"
)

// Markers of ITU T.81, table B.1.
const (
	markerSOF0  = 0xc0
	markerSOF1  = 0xc1
	markerSOF2  = 0xc2
	markerDHT   = 0xc4
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAPP0  = 0xe0
	markerAPP14 = 0xee
	markerAPP15 = 0xef
	markerCOM   = 0xfe
)

type decoder struct {
	b       []byte
	at      int
	options Options

	width, height          int
	baseline, progressive  bool
	components             []component
	unitsAcross, unitsDown int
	jfif, adobe            bool
	transform              byte // of adobe
	interval               int  // units between restarts, 0 without
	quant                  [4][64]int32
	quantKnown             [4]bool
	huff                   *[2][4]table // DC, AC
	started                bool         // the first scan was seen
	visits, blocks         int64
	bits                   bitReader
	block                  block
}

// component is one of the planes of a picture. Lengths are in blocks.
type component struct {
	name         byte
	h, v         int // sampling factors
	quant        byte
	across, down int // that hold something of the picture
	stride, rows int // in whole units
	scanned      bool

	pix    []byte // nil when the plane is not wanted
	pitch  int    // pixels a row of pix
	kernel kernel
	coefs  []int16  // of a progressive picture: for each block those the scale needs
	mask   []uint64 // of a progressive picture: for each block which coefficients are not zero
}

// segments reads the file from its start to its end or, for the header alone, to its first scan.
func (d *decoder) segments(ctx context.Context, header bool) error {
	if len(d.b) < 2 {
		return io.ErrUnexpectedEOF
	}
	if d.b[0] != 0xff || d.b[1] != markerSOI {
		return FormatError("no start of image")
	}
	d.at = 2
	d.huff = new([2][4]table)
	for {
		marker, err := d.marker()
		if err != nil {
			return err
		}
		switch {
		case marker == markerEOI:
			return d.finish(ctx)
		case marker >= markerRST0 && marker <= markerRST7:
			continue // some encoders write one after the last interval
		}
		if d.at+2 > len(d.b) {
			return io.ErrUnexpectedEOF
		}
		n := int(binary.BigEndian.Uint16(d.b[d.at:]))
		if n < 2 {
			return FormatError("segment of no length")
		}
		if d.at+n > len(d.b) {
			return io.ErrUnexpectedEOF
		}
		body := d.b[d.at+2 : d.at+n]
		d.at += n
		switch marker {
		case markerSOF0, markerSOF1, markerSOF2:
			err = d.frame(marker, body)
		case markerDHT:
			err = d.huffman(body)
		case markerDQT:
			err = d.quantisation(body)
		case markerDRI:
			if len(body) != 2 {
				return FormatError("bad restart interval")
			}
			d.interval = int(binary.BigEndian.Uint16(body))
		case markerSOS:
			if err = d.start(); err != nil || header {
				return err
			}
			err = d.scan(ctx, body)
		case markerAPP0:
			if len(body) >= 5 {
				d.jfif = bytes.HasPrefix(body, []byte("JFIF\x00"))
			}
		case markerAPP14:
			if len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")) {
				d.adobe, d.transform = true, body[11]
			}
		default:
			switch {
			case marker > markerAPP0 && marker <= markerAPP15 || marker == markerCOM:
			case marker < markerSOF0:
				err = FormatError("unknown marker")
			default:
				err = UnsupportedError("marker")
			}
		}
		if err != nil {
			return err
		}
	}
}

// marker passes over everything before the next marker and returns it.
func (d *decoder) marker() (byte, error) {
	for {
		i := bytes.IndexByte(d.b[d.at:], 0xff)
		if i < 0 {
			return 0, io.ErrUnexpectedEOF
		}
		d.at += i
		for d.at < len(d.b) && d.b[d.at] == 0xff {
			d.at++
		}
		if d.at == len(d.b) {
			return 0, io.ErrUnexpectedEOF
		}
		d.at++
		if m := d.b[d.at-1]; m != 0 {
			return m, nil
		}
	}
}

func (d *decoder) frame(marker byte, body []byte) error {
	if d.components != nil {
		return FormatError("two frames")
	}
	if len(body) < 6 {
		return FormatError("bad frame")
	}
	n := int(body[5])
	switch {
	case body[0] != 8:
		return UnsupportedError("precision")
	case n != 1 && n != 3:
		return UnsupportedError("number of components")
	case len(body) != 6+3*n:
		return FormatError("bad frame")
	}
	d.baseline, d.progressive = marker == markerSOF0, marker == markerSOF2
	d.height, d.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	if d.width == 0 {
		return FormatError("no width")
	}
	if d.height == 0 {
		return UnsupportedError("height that follows")
	}
	components := make([]component, n)
	for i := range components {
		c := &components[i]
		c.name, c.h, c.v, c.quant = body[6+3*i], int(body[7+3*i]>>4), int(body[7+3*i]&15), body[8+3*i]
		for _, other := range components[:i] {
			if other.name == c.name {
				return FormatError("two components of one name")
			}
		}
		switch {
		case c.quant > 3:
			return FormatError("bad table of quantisation")
		case c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4:
			return FormatError("bad sampling")
		case c.h == 3 || c.v == 3:
			return UnsupportedError("sampling")
		}
	}
	luma := &components[0]
	if n == 1 {
		luma.h, luma.v = 1, 1 // what is alone is not sampled, whatever it says: T.81, A.2.2
	} else if cb, cr := components[1], components[2]; luma.v == 4 || luma.h%cb.h != 0 || luma.v%cb.v != 0 || cr.h != cb.h || cr.v != cb.v {
		return UnsupportedError("sampling")
	}
	d.unitsAcross = (d.width + 8*luma.h - 1) / (8 * luma.h)
	d.unitsDown = (d.height + 8*luma.v - 1) / (8 * luma.v)
	for i := range components {
		c := &components[i]
		w, h := luma.h/c.h, luma.v/c.v
		c.across, c.down = (d.width+8*w-1)/(8*w), (d.height+8*h-1)/(8*h)
		c.stride, c.rows = d.unitsAcross*c.h, d.unitsDown*c.v
		d.blocks += int64(c.stride) * int64(c.rows)
	}
	d.components = components
	return nil
}

func (d *decoder) quantisation(body []byte) error {
	for len(body) > 0 {
		deep, n := body[0]>>4, body[0]&15
		size := 64 << deep
		if deep > 1 || n > 3 || len(body) < 1+size {
			return FormatError("bad table of quantisation")
		}
		for i := range 64 {
			if deep == 0 {
				d.quant[n][i] = int32(body[1+i])
			} else {
				d.quant[n][i] = int32(binary.BigEndian.Uint16(body[1+2*i:]))
			}
		}
		d.quantKnown[n] = true
		body = body[1+size:]
	}
	return nil
}

func (d *decoder) huffman(body []byte) error {
	for len(body) > 0 {
		if len(body) < 17 {
			return FormatError("bad table of codes")
		}
		class, n := body[0]>>4, body[0]&15
		if class > 1 || n > 3 || d.baseline && n > 1 {
			return FormatError("bad table of codes")
		}
		used, ok := d.huff[class][n].define(body[1:], class == 1)
		if !ok {
			return FormatError("bad table of codes")
		}
		body = body[1+used:]
	}
	return nil
}

// start is called at each scan, and decides at the first what can be known before any.
func (d *decoder) start() error {
	if d.components == nil {
		return FormatError("scan without a frame")
	}
	if d.started {
		return nil
	}
	d.started = true
	if len(d.components) == 3 && !d.jfif {
		c := d.components
		if d.adobe && d.transform == 0 || c[0].name == 'R' && c[1].name == 'G' && c[2].name == 'B' {
			return UnsupportedError("RGB")
		}
	}
	return nil
}

// reserve makes room for a component at its first scan and settles how its coefficients become pixels.
func (d *decoder) reserve(c *component) error {
	if c.scanned {
		return nil
	}
	if !d.quantKnown[c.quant] {
		return FormatError("table of quantisation is missing")
	}
	c.scanned = true
	scale := d.options.Scale
	blocks := c.stride * c.rows
	wanted := c == &d.components[0] || !d.options.Luma
	c.kernel = newKernel(&d.quant[c.quant], scale, wanted)
	if wanted {
		c.pitch = c.stride << (3 - scale)
		c.pix = make([]byte, blocks*scale.pixels())
	}
	if d.progressive {
		c.coefs = make([]int16, blocks*c.kernel.kept)
		c.mask = make([]uint64, blocks)
	}
	return nil
}

// finish is called at the end of the image.
func (d *decoder) finish(ctx context.Context) error {
	if d.components == nil {
		return FormatError("no frame")
	}
	for i := range d.components {
		c := &d.components[i]
		if !c.scanned {
			return FormatError("a component has no scan")
		}
		if !d.progressive || c.pix == nil {
			continue
		}
		for y := range c.down {
			if err := ctx.Err(); err != nil {
				return err
			}
			for x := range c.across {
				d.draw(c, x, y, c.gather(y*c.stride+x, &d.block))
			}
		}
	}
	return nil
}

// image returns what was decoded.
func (d *decoder) image() image.Image {
	luma := &d.components[0]
	size := image.Rect(0, 0, d.options.Scale.Of(d.width), d.options.Scale.Of(d.height))
	if len(d.components) == 1 || d.options.Luma {
		return &image.Gray{Pix: luma.pix, Stride: luma.pitch, Rect: size}
	}
	cb, cr := &d.components[1], &d.components[2]
	m := &image.YCbCr{Y: luma.pix, YStride: luma.pitch, Cb: cb.pix, Cr: cr.pix, CStride: cb.pitch, Rect: size}
	switch [2]int{luma.h / cb.h, luma.v / cb.v} {
	case [2]int{1, 1}:
		m.SubsampleRatio = image.YCbCrSubsampleRatio444
	case [2]int{1, 2}:
		m.SubsampleRatio = image.YCbCrSubsampleRatio440
	case [2]int{2, 1}:
		m.SubsampleRatio = image.YCbCrSubsampleRatio422
	case [2]int{2, 2}:
		m.SubsampleRatio = image.YCbCrSubsampleRatio420
	case [2]int{4, 1}:
		m.SubsampleRatio = image.YCbCrSubsampleRatio411
	case [2]int{4, 2}:
		m.SubsampleRatio = image.YCbCrSubsampleRatio410
	}
	return m
}
