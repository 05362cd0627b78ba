package feature

import (
	"image"
	"math/rand/v2"
)

// drawn makes a picture with the statistics of a photo, in whole numbers only: hundreds of overlapping shapes of all sizes,
// shaded and grained.
func drawn(seed uint64, w, h int) *image.Gray {
	r := rand.New(rand.NewPCG(seed, 1911))
	g := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			g.Pix[y*w+x] = byte(90 + 60*x/w + 40*y/h)
		}
	}
	for i := range 260 {
		size := max(4, min(w, h)*(3+r.IntN(22))/(60+i*2))
		cx, cy, v, round, lean := r.IntN(w), r.IntN(h), r.IntN(200), r.IntN(2) == 0, r.IntN(5)-2
		for y := max(0, cy-size); y < min(h, cy+size); y++ {
			for x := max(0, cx-size); x < min(w, cx+size); x++ {
				dx, dy := x-cx+lean*(y-cy)/3, y-cy
				if round && dx*dx+dy*dy < size*size || !round && dx < size/2 && -dx < size/2 && 2*max(dy, -dy) < size {
					g.Pix[y*w+x] = byte(v + 30*(dx+size)/(2*size))
				}
			}
		}
	}
	for i := range g.Pix {
		g.Pix[i] = byte(max(0, min(255, int(g.Pix[i])+r.IntN(9)-4)))
	}
	return g
}

// laid lays a picture over a ground of size w by h so that each pixel of the ground shows what back says of it.
func laid(ground, m *image.Gray, back func(x, y float64) (float64, float64)) *image.Gray {
	p := planeOf(m, m.Rect)
	out := image.NewGray(ground.Rect)
	copy(out.Pix, ground.Pix)
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			// Nine samples a pixel, so that shrinking softens as a camera does.
			sum, n := 0, 0
			for j := range 3 {
				for i := range 3 {
					if v := p.at(back(float64(x)+float64(2*i+1)/6, float64(y)+float64(2*j+1)/6)); v >= 0 {
						sum += v
						n++
					}
				}
			}
			if n > 4 {
				out.Pix[y*out.Stride+x] = byte(sum / n >> 8)
			}
		}
	}
	return out
}

func plainGround(w, h int, v byte) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, w, h))
	for i := range g.Pix {
		g.Pix[i] = v
	}
	return g
}

func mirror(m *image.Gray) *image.Gray {
	p := planeOf(m, m.Rect).flipped()
	return &image.Gray{Pix: p.pix, Stride: p.w, Rect: m.Rect}
}

func sub(m *image.Gray, r image.Rectangle) *image.Gray {
	p := planeOf(m, r)
	return &image.Gray{Pix: p.pix, Stride: p.w, Rect: image.Rect(0, 0, p.w, p.h)}
}

func smaller(m *image.Gray, side int) *image.Gray {
	p := planeOf(m, m.Rect).fitted(side)
	return &image.Gray{Pix: p.pix, Stride: p.w, Rect: image.Rect(0, 0, p.w, p.h)}
}

// known prepares a picture from no more than what is kept of it for good.
func known(m *image.Gray) Prepared {
	return Reference(m.Rect.Size(), smaller(m, 128), Detect(m, m.Rect, ReferenceSide, ReferencePoints))
}

func query(m *image.Gray) Prepared { return Query(m.Rect.Size(), m) }
