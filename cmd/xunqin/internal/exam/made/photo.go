// Package made makes pictures for the exam of the matcher, where there are no photos or not enough of them: originals that have
// what a photo has for it, edited copies with known answers, and pages of one layout with different photos.
//
// What is made follows from the seed. Floating point may differ in its last bits from one architecture to another, so counts of
// pictures found are comparable and files are not.
package made

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Photo draws a picture with the statistics of a photo: surfaces of many sizes, one before the other, each with a colour, a
// grain whose strength falls as its fineness rises, perhaps stripes or tiles, and a light over all. It takes 20 ms for 640x480.
func Photo(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 20110125))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	grain := [2]field{newField(r, w, h, 0.5+0.2*r.Float64()), newField(r, w, h, 0.65+0.2*r.Float64())}
	paint(m, surface{kind: everywhere}, newFinish(r, w, h), grain)
	for i := range 24 + r.IntN(40) {
		size := float64(min(w, h)) * (0.5 / (1 + float64(i)*0.18)) * (0.5 + r.Float64())
		turn := r.Float64() * math.Pi
		if r.IntN(2) == 0 {
			turn = math.Round(turn*2/math.Pi) * math.Pi / 2 // what people build stands upright
		}
		s := surface{
			kind: shape(r.IntN(3)), x: r.Float64() * float64(w), y: r.Float64() * float64(h),
			rx: max(5, size*(0.3+0.7*r.Float64())), ry: max(5, size*(0.2+0.5*r.Float64())), sin: math.Sin(turn), cos: math.Cos(turn),
		}
		paint(m, s, newFinish(r, w, h), grain)
	}
	light(m, r.Float64()*2*math.Pi, 0.1+0.35*r.Float64())
	return m
}

// A field is a value for each pixel of a picture, about -1 to 1.
type field struct {
	w, h int
	v    []float32
}

// newField sums noise of all sizes, each half the size of the one before and so much weaker: what is twice as fine in a photo
// is about half as strong.
func newField(r *rand.Rand, w, h int, weaker float64) field {
	f := field{3, 3, make([]float32, 9)}
	for i := range f.v {
		f.v[i] = r.Float32()*2 - 1
	}
	strength := float32(weaker)
	for f.w < w || f.h < h {
		n := field{min(2*f.w-1, w+1), min(2*f.h-1, h+1), nil}
		n.v = make([]float32, n.w*n.h)
		for y := range n.h {
			a := f.v[y/2*f.w:]
			b := f.v[(y+1)/2*f.w:]
			for x := range n.w {
				n.v[y*n.w+x] = (a[x/2]+a[(x+1)/2]+b[x/2]+b[(x+1)/2])/4 + strength*(r.Float32()*2-1)
			}
		}
		f, strength = n, strength*float32(weaker)
	}
	return f
}

// at reads the field anywhere, repeating it.
func (f field) at(x, y int) float32 { return f.v[(y%f.h)*f.w+x%f.w] }

type shape int

const (
	ellipse shape = iota
	block
	wedge
	everywhere
)

type surface struct {
	kind                   shape
	x, y, rx, ry, sin, cos float64
}

// A finish is what a surface is made of.
type finish struct {
	colour, other    [3]float32
	grain            int // which of the picture's
	dx, dy           int // from where in it, so that two surfaces do not continue each other
	strength         float32
	pattern          int // stripes or tiles, or none
	period, sin, cos float64
}

func newFinish(r *rand.Rand, w, h int) finish {
	f := finish{grain: r.IntN(2), dx: r.IntN(w), dy: r.IntN(h), strength: 8 + 55*r.Float32()*r.Float32()}
	grey, tint := 25+190*r.Float32(), 10+50*r.Float32()
	step := 15 + 60*r.Float32()
	for i := range f.colour {
		f.colour[i] = grey + tint*(r.Float32()*2-1)
		f.other[i] = f.colour[i] + step*(r.Float32()*2-1)
	}
	if r.IntN(5) < 2 {
		f.pattern = 1 + r.IntN(2)
	}
	f.period = (0.02 + 0.06*r.Float64()) * float64(min(w, h))
	turn := r.NormFloat64() * 0.3
	f.sin, f.cos = math.Sin(turn), math.Cos(turn)
	return f
}

func paint(m *image.RGBA, s surface, f finish, grain [2]field) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	x0, y0, x1, y1 := 0, 0, w, h
	if s.kind != everywhere {
		reach := math.Hypot(s.rx, s.ry)
		x0, x1 = max(0, int(s.x-reach)), min(w, int(s.x+reach)+1)
		y0, y1 = max(0, int(s.y-reach)), min(h, int(s.y+reach)+1)
	}
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			shade := float32(1)
			if s.kind != everywhere {
				dx, dy := float64(x)-s.x, float64(y)-s.y
				u, v := (dx*s.cos+dy*s.sin)/s.rx, (dy*s.cos-dx*s.sin)/s.ry
				if s.kind == ellipse && u*u+v*v > 1 || s.kind == block && max(math.Abs(u), math.Abs(v)) > 0.7 || s.kind == wedge && (v > 0.6 || math.Abs(u) > (v+1)/2) {
					continue
				}
				shade = float32(1 - 0.25*(u+v)) // lit from one side
			}
			c := &f.colour
			if f.pattern > 0 {
				a := int(math.Floor((float64(x)*f.cos + float64(y)*f.sin) / f.period))
				b := int(math.Floor((float64(y)*f.cos - float64(x)*f.sin) / f.period))
				if f.pattern == 1 && a%3 == 0 || f.pattern == 2 && (a+b/2)%2 == 0 && b%2 == 0 {
					c = &f.other
				}
			}
			g := f.strength * grain[f.grain].at(x+f.dx, y+f.dy)
			p := m.Pix[y*m.Stride+4*x:][:4]
			for i := range 3 {
				p[i] = clamp(shade*c[i] + g)
			}
			p[3] = 255
		}
	}
}

// light makes one side of a picture brighter than the other.
func light(m *image.RGBA, turn, strength float64) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	sin, cos := math.Sincos(turn)
	for y := range h {
		for x := range w {
			k := float32(1 + strength*((2*float64(x)/float64(w)-1)*cos+(2*float64(y)/float64(h)-1)*sin))
			p := m.Pix[y*m.Stride+4*x:][:3]
			for i, v := range p {
				p[i] = clamp(k * float32(v))
			}
		}
	}
}

func clamp(v float32) uint8 { return uint8(max(0, min(255, v+0.5))) }

func grey(v uint8) color.RGBA { return color.RGBA{v, v, v, 255} }

// colourful returns any colour.
func colourful(r *rand.Rand) color.RGBA {
	return color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
}
