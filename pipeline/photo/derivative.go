package photo

import (
	"bytes"
	"image"
	"image/jpeg"
)

// Sizes of what is kept and shown.
const (
	DerivativeSide = 640 // long side of the derivative
	BlurredSide    = 160 // long side of the blurred picture
	GreySide       = 128 // long side of the grey picture

	derivativeQuality = 85
	blurredQuality    = 60

	// blurredCells is how many colours the long side of a blurred picture is made of. Sixteen across a face is where people
	// begin to recognise someone they know once the edges of the squares are smoothed (Harmon and Julesz, Science 180, 1973);
	// a face that fills the picture gets eight.
	blurredCells = 8
)

// encode writes a JPEG. The encoder in use writes tables, frame and scan and no other segment, so there is nothing to strip.
func encode(m image.Image, quality int) ([]byte, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// grey makes the picture that the matcher may still look at when the derivative's life has ended, with a long side of at most
// side, or of GreySide where that is 0 or more.
func grey(m *image.YCbCr, side int) ([]byte, error) {
	if side <= 0 || side > GreySide {
		side = GreySide
	}
	p := luma(m)
	w, h := p.w, p.h
	if max(w, h) > side {
		w, h = fit(p.w, p.h, side)
		p = p.scaled(w, h)
	}
	g := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		copy(g.Pix[y*g.Stride:], p.row(y))
	}
	return encode(g, derivativeQuality)
}

// blurred makes the picture for lists: mean colours of a coarse grid, faded into each other. Sharp detail is gone before the
// picture is enlarged, so no filter brings it back.
func blurred(m *image.YCbCr) ([]byte, error) {
	b := m.Rect.Size()
	long := max(b.X, b.Y)
	w, h := max(1, (2*b.X*BlurredSide+long)/(2*long)), max(1, (2*b.Y*BlurredSide+long)/(2*long))
	cells, cellRows := fit(b.X, b.Y, blurredCells)
	chroma := image.Pt((b.X+1)/2, (b.Y+1)/2)
	smooth := func(p plane, w, h int) plane {
		return p.scaled(min(cells, p.w), min(cellRows, p.h)).faded(w, h)
	}
	return encode(ycc420(
		smooth(luma(m), w, h),
		smooth(plane{chroma.X, chroma.Y, m.Cb}, (w+1)/2, (h+1)/2),
		smooth(plane{chroma.X, chroma.Y, m.Cr}, (w+1)/2, (h+1)/2),
	), blurredQuality)
}

// faded returns p enlarged to w by h by linear interpolation between the middles of its pixels.
func (p plane) faded(w, h int) plane {
	out := newPlane(w, h)
	for y := range h {
		y0, y1, fy := between(y, h, p.h)
		top, bottom := p.row(y0), p.row(y1)
		row := out.row(y)
		for x := range row {
			x0, x1, fx := between(x, w, p.w)
			above := int(top[x0])*(fadeSteps-fx) + int(top[x1])*fx
			below := int(bottom[x0])*(fadeSteps-fx) + int(bottom[x1])*fx
			row[x] = byte((above*(fadeSteps-fy) + below*fy + fadeSteps*fadeSteps/2) / (fadeSteps * fadeSteps))
		}
	}
	return out
}

const fadeSteps = 256

// between returns the two of n pixels around the middle of pixel i of size, and how far it lies from the first to the second.
func between(i, size, n int) (before, after, fraction int) {
	at := (2*i+1)*n*fadeSteps/(2*size) - fadeSteps/2
	if at < 0 {
		return 0, 0, 0
	}
	before = at / fadeSteps
	return before, min(before+1, n-1), at % fadeSteps
}
