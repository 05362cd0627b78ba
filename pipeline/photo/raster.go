package photo

import (
	"fmt"
	"image"
	"image/color"
)

// raster is a decoded picture, read once from top to bottom. The planes of a grey or YCbCr picture are read as they are, which is
// several times cheaper than going through RGB; every other picture gives rows of RGB.
type raster struct {
	w, h  int
	of    image.Point  // size of the picture, when this is a miniature of it
	grey  *image.Gray  // nil for the others
	ycc   *image.YCbCr // nil for the others
	video bool         // ycc holds WebP's narrow range, 16 to 235
	rgb   rgbRow
}

// rgbRow writes row y of a picture, composited on white, into r, g and b, whose length is the picture's width.
type rgbRow func(y int, r, g, b []byte)

// rasterOf returns m as a raster, or an error for a type none of the decoders makes.
func rasterOf(m image.Image) (raster, error) {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	if w < 1 || h < 1 {
		return raster{}, fmt.Errorf("picture of %d by %d pixels", w, h)
	}
	if ycc, ok := m.(*image.YCbCr); ok {
		return raster{w: w, h: h, ycc: ycc}, nil
	}
	if grey, ok := m.(*image.Gray); ok {
		return raster{w: w, h: h, grey: grey}, nil
	}
	row := rows(m, false)
	if row == nil {
		return raster{}, fmt.Errorf("no rows of %T", m)
	}
	return raster{w: w, h: h, rgb: row}, nil
}

// placed returns a frame of an animation on its white canvas.
func placed(w, h int, at image.Point, frame image.Image, video bool) (raster, error) {
	size := frame.Bounds().Size()
	if at == (image.Point{}) && size == (image.Point{w, h}) {
		r, err := rasterOf(frame)
		if frame, ok := frame.(*image.NYCbCrA); ok {
			r.rgb = rows(frame, video)
		}
		r.video = video
		return r, err
	}
	if at.X < 0 || at.Y < 0 || at.X+size.X > w || at.Y+size.Y > h {
		return raster{}, fmt.Errorf("frame %v at %v outside a canvas of %d by %d", size, at, w, h)
	}
	inner := rows(frame, video)
	if inner == nil {
		return raster{}, fmt.Errorf("no rows of %T", frame)
	}
	return raster{w: w, h: h, rgb: func(y int, r, g, b []byte) {
		for _, c := range [][]byte{r, g, b} {
			for i := range c {
				c[i] = 255
			}
		}
		if y := y - at.Y; y >= 0 && y < size.Y {
			inner(y, r[at.X:][:size.X], g[at.X:][:size.X], b[at.X:][:size.X])
		}
	}}, nil
}

// size returns the size of the picture.
func (m raster) size() image.Point {
	if m.of != (image.Point{}) {
		return m.of
	}
	return image.Pt(m.w, m.h)
}

// rows returns how to read m by rows, or nil.
func rows(m image.Image, video bool) rgbRow {
	switch m := m.(type) {
	case *image.Gray:
		return func(y int, r, g, b []byte) {
			row := m.Pix[y*m.Stride:][:len(r)]
			copy(r, row)
			copy(g, row)
			copy(b, row)
		}
	case *image.Gray16:
		return func(y int, r, g, b []byte) {
			row := m.Pix[y*m.Stride:]
			for x := range r {
				v := row[2*x]
				r[x], g[x], b[x] = v, v, v
			}
		}
	case *image.Paletted:
		return paletted(m)
	case *image.RGBA:
		return func(y int, r, g, b []byte) {
			row := m.Pix[y*m.Stride:][:4*len(r)]
			for x := range r {
				p := row[4*x : 4*x+4 : 4*x+4]
				white := 255 - p[3]
				r[x], g[x], b[x] = p[0]+white, p[1]+white, p[2]+white
			}
		}
	case *image.NRGBA:
		return func(y int, r, g, b []byte) {
			row := m.Pix[y*m.Stride:][:4*len(r)]
			for x := range r {
				p := row[4*x : 4*x+4 : 4*x+4]
				a := uint32(p[3])
				r[x], g[x], b[x] = onWhite(p[0], a), onWhite(p[1], a), onWhite(p[2], a)
			}
		}
	case *image.RGBA64:
		return func(y int, r, g, b []byte) {
			row := m.Pix[y*m.Stride:][:8*len(r)]
			for x := range r {
				p := row[8*x : 8*x+8 : 8*x+8]
				white := 255 - p[6]
				r[x], g[x], b[x] = p[0]+white, p[2]+white, p[4]+white
			}
		}
	case *image.NRGBA64:
		return func(y int, r, g, b []byte) {
			row := m.Pix[y*m.Stride:][:8*len(r)]
			for x := range r {
				p := row[8*x : 8*x+8 : 8*x+8]
				a := uint32(p[6])
				r[x], g[x], b[x] = onWhite(p[0], a), onWhite(p[2], a), onWhite(p[4], a)
			}
		}
	case *image.CMYK:
		return func(y int, r, g, b []byte) {
			row := m.Pix[y*m.Stride:][:4*len(r)]
			for x := range r {
				p := row[4*x : 4*x+4 : 4*x+4]
				r[x], g[x], b[x] = color.CMYKToRGB(p[0], p[1], p[2], p[3])
			}
		}
	case *image.YCbCr:
		return func(y int, r, g, b []byte) { yccRow(m, video, y, r, g, b) }
	case *image.NYCbCrA:
		return func(y int, r, g, b []byte) {
			yccRow(&m.YCbCr, video, y, r, g, b)
			for x, a := range m.A[y*m.AStride:][:len(r)] {
				a := uint32(a)
				r[x], g[x], b[x] = onWhite(r[x], a), onWhite(g[x], a), onWhite(b[x], a)
			}
		}
	}
	return nil
}

// onWhite composites a channel with straight alpha.
func onWhite(c byte, a uint32) byte {
	if a == 255 {
		return c
	}
	return byte((uint32(c)*a + 255*(255-a) + 127) / 255)
}

func paletted(m *image.Paletted) rgbRow {
	var table [256][3]byte
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		r, g, b, a := c.RGBA()
		white := 0xffff - a
		table[i] = [3]byte{byte((r + white) >> 8), byte((g + white) >> 8), byte((b + white) >> 8)}
	}
	return func(y int, r, g, b []byte) {
		for x, i := range m.Pix[y*m.Stride:][:len(r)] {
			c := &table[i]
			r[x], g[x], b[x] = c[0], c[1], c[2]
		}
	}
}

func yccRow(m *image.YCbCr, video bool, y int, r, g, b []byte) {
	for x := range r {
		at := m.Rect.Min.Add(image.Pt(x, y))
		i := m.COffset(at.X, at.Y)
		l, cb, cr := m.Y[m.YOffset(at.X, at.Y)], m.Cb[i], m.Cr[i]
		if video {
			l, cb, cr = fullLuma(l), fullChroma(cb), fullChroma(cr)
		}
		r[x], g[x], b[x] = color.YCbCrToRGB(l, cb, cr)
	}
}

// fullLuma and fullChroma widen the narrow range in which WebP stores a lossy picture (RFC 9649, section 2.5, by way of BT.601:
// 16 to 235 and 16 to 240). The decoder in use hands it on unwidened, which looks washed out.
func fullLuma(v byte) byte   { return clamp((int(v)-16)*255, 219, 0) }
func fullChroma(v byte) byte { return clamp((int(v)-128)*255, 224, 128) }

func clamp(v, by, plus int) byte {
	if v < 0 {
		v -= by
	}
	return byte(max(0, min(255, (2*v+by)/(2*by)+plus)))
}

// small returns the picture upright, in 4:2:0, its long side at most side. The scaling is exact (see averager), so the stored
// orientation changes nothing in the luma.
func (m raster) small(side, orientation int) *image.YCbCr {
	size := m.size()
	n, h := fit(size.X, size.Y, side)
	switch {
	case m.grey != nil:
		luma := shrink(m.grey.Pix, m.grey.Stride, m.w, m.h, n, h).upright(orientation)
		none := newPlane((luma.w+1)/2, (luma.h+1)/2)
		for i := range none.pix {
			none.pix[i] = 128
		}
		return ycc420(luma, none, none)
	case m.ycc == nil:
		return m.smallRGB(n, h, orientation)
	}
	luma := shrink(m.ycc.Y[m.ycc.YOffset(m.ycc.Rect.Min.X, m.ycc.Rect.Min.Y):], m.ycc.YStride, m.w, m.h, n, h)
	cw, ch := chromaSize(m.ycc)
	from := m.ycc.COffset(m.ycc.Rect.Min.X, m.ycc.Rect.Min.Y)
	cb := shrink(m.ycc.Cb[from:], m.ycc.CStride, cw, ch, (n+1)/2, (h+1)/2)
	cr := shrink(m.ycc.Cr[from:], m.ycc.CStride, cw, ch, (n+1)/2, (h+1)/2)
	if m.video {
		for i, v := range luma.pix {
			luma.pix[i] = fullLuma(v)
		}
		for i := range cb.pix {
			cb.pix[i], cr.pix[i] = fullChroma(cb.pix[i]), fullChroma(cr.pix[i])
		}
	}
	return ycc420(luma.upright(orientation), cb.upright(orientation), cr.upright(orientation))
}

func chromaSize(m *image.YCbCr) (w, h int) {
	w, h = m.Rect.Dx(), m.Rect.Dy()
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		w = (w + 1) / 2
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		w = (w + 3) / 4
	}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio410:
		h = (h + 1) / 2
	}
	return w, h
}

func shrink(pix []byte, stride, w, h, n, m int) plane {
	a := newAverager(w, h, n, m)
	for y := range h {
		a.add(pix[y*stride:][:w])
	}
	return a.out
}

func (m raster) smallRGB(n, h, orientation int) *image.YCbCr {
	var channels [3]*averager
	for i := range channels {
		channels[i] = newAverager(m.w, m.h, n, h)
	}
	r, g, b := make([]byte, m.w), make([]byte, m.w), make([]byte, m.w)
	for y := range m.h {
		m.rgb(y, r, g, b)
		channels[0].add(r)
		channels[1].add(g)
		channels[2].add(b)
	}
	for _, c := range channels {
		c.out = c.out.upright(orientation)
	}
	red, green, blue := channels[0].out, channels[1].out, channels[2].out
	luma := newPlane(red.w, red.h)
	cb, cr := newPlane(red.w, red.h), newPlane(red.w, red.h)
	for i := range luma.pix {
		luma.pix[i], cb.pix[i], cr.pix[i] = color.RGBToYCbCr(red.pix[i], green.pix[i], blue.pix[i])
	}
	cw, ch := (red.w+1)/2, (red.h+1)/2
	return ycc420(luma, cb.scaled(cw, ch), cr.scaled(cw, ch))
}

func ycc420(luma, cb, cr plane) *image.YCbCr {
	return &image.YCbCr{
		Y: luma.pix, YStride: luma.w,
		Cb: cb.pix, Cr: cr.pix, CStride: cb.w,
		SubsampleRatio: image.YCbCrSubsampleRatio420,
		Rect:           image.Rect(0, 0, luma.w, luma.h),
	}
}

// luma returns the brightness of a small picture.
func luma(m *image.YCbCr) plane { return plane{m.Rect.Dx(), m.Rect.Dy(), m.Y} }
