package draw

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Scenes are drawn in a space of 1000 x 750 units, seen by a camera that leans, zooms and
// shifts a little, so that no two pictures share their horizon.

// scene draws one picture of w x h pixels.
func scene(r *rand.Rand, w, h int) *image.RGBA {
	c := newCanvas(r, w, h)
	p := palettes[r.IntN(len(palettes))]
	horizon := 180 + 330*r.Float64()
	c.sky(p, horizon)
	backdrops[r.IntN(len(backdrops))](c, p, horizon)
	c.ground(p, horizon)
	for range 1 + r.IntN(3) {
		props[r.IntN(len(props))](c, p, horizon)
	}
	for range 1 + r.IntN(3) {
		c.figure(p, 40+920*r.Float64(), horizon+60+(690-horizon)*r.Float64(), 130+300*r.Float64())
	}
	if r.IntN(3) == 0 {
		c.foreground(p)
	}
	c.light(0.2 + 0.5*r.Float64())
	return c.img
}

type palette struct {
	sky, far, wall, ground, accent color.RGBA
}

func rgb(v uint32) color.RGBA { return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255} }

var palettes = [...]palette{
	{rgb(0x9cc4e8), rgb(0xb9c3cc), rgb(0xc9b79c), rgb(0x8a8780), rgb(0xc23b2e)}, // clear day
	{rgb(0xd8dcdf), rgb(0xaab0b4), rgb(0x8f8a83), rgb(0x6f7274), rgb(0x2f6fa8)}, // overcast
	{rgb(0xe8a066), rgb(0x8d6a72), rgb(0x6d4c50), rgb(0x4c4246), rgb(0xe8c34a)}, // dusk
	{rgb(0x1c2438), rgb(0x2d3a55), rgb(0x3f4355), rgb(0x26262c), rgb(0xf0b040)}, // night
	{rgb(0xe9e6da), rgb(0xcfd6cf), rgb(0xb5533c), rgb(0xa59a86), rgb(0x2e7d4f)}, // brick
	{rgb(0xf1f4f7), rgb(0xd5dde4), rgb(0x93a3b1), rgb(0xe4e8ea), rgb(0x9c2f45)}, // snow
	{rgb(0x7f8c7a), rgb(0x5d7355), rgb(0x8c8f6a), rgb(0x6b5f48), rgb(0xd9d2b0)}, // under trees
	{rgb(0x403a34), rgb(0x5a5046), rgb(0x77685a), rgb(0x2f2b28), rgb(0xe6e0d0)}, // underpass
}

// A canvas is a picture and the camera that looks at it.
type canvas struct {
	img           *image.RGBA
	r             *rand.Rand
	a, b, dx, dy  float64 // the camera: x' = a x - b y + dx, y' = b x + a y + dy
	unit          float64 // pixels for one unit, without the camera's zoom
	left, top     float64 // what it sees, in units, with room to spare
	right, bottom float64
	crossings     []float64 // of one line, kept for the next
}

type point struct{ x, y float64 }

func newCanvas(r *rand.Rand, w, h int) *canvas {
	unit := float64(w) / 1000
	lean := (r.Float64() - 0.5) * 0.5
	zoom := 0.9 + 0.5*r.Float64()
	c := &canvas{img: image.NewRGBA(image.Rect(0, 0, w, h)), r: r, unit: unit}
	c.a, c.b = unit*zoom*math.Cos(lean), unit*zoom*math.Sin(lean)
	// The middle of the scene stays near the middle of the picture.
	cx, cy := 500+160*(r.Float64()-0.5), 375+120*(r.Float64()-0.5)
	c.dx = float64(w)/2 - (c.a*cx - c.b*cy)
	c.dy = float64(h)/2 - (c.b*cx + c.a*cy)
	c.left, c.top, c.right, c.bottom = -400, -400, 1400, 1150
	return c
}

func (c *canvas) between(lo, hi float64) float64 { return lo + (hi-lo)*c.r.Float64() }

// fill paints a polygon, by the even-odd rule, without smoothing: the JPEG does that.
func (c *canvas) fill(col color.RGBA, pts ...point) {
	px := make([]point, len(pts))
	top, bottom := math.Inf(1), math.Inf(-1)
	for i, p := range pts {
		px[i] = point{c.a*p.x - c.b*p.y + c.dx, c.b*p.x + c.a*p.y + c.dy}
		top, bottom = min(top, px[i].y), max(bottom, px[i].y)
	}
	b := c.img.Bounds()
	for y := max(0, int(math.Ceil(top-0.5))); y < min(b.Dy(), int(math.Ceil(bottom-0.5))); y++ {
		at := float64(y) + 0.5
		xs := c.crossings[:0]
		for i, p := range px {
			q := px[(i+1)%len(px)]
			if (p.y <= at) != (q.y <= at) {
				xs = append(xs, p.x+(at-p.y)*(q.x-p.x)/(q.y-p.y))
			}
		}
		sortFloats(xs)
		for i := 0; i+1 < len(xs); i += 2 {
			c.span(y, int(math.Ceil(xs[i]-0.5)), int(math.Ceil(xs[i+1]-0.5)), col)
		}
		c.crossings = xs
	}
}

// sortFloats sorts the few crossings of a line.
func sortFloats(xs []float64) {
	for i := 1; i < len(xs); i++ {
		for j := i; j > 0 && xs[j] < xs[j-1]; j-- {
			xs[j], xs[j-1] = xs[j-1], xs[j]
		}
	}
}

func (c *canvas) span(y, from, to int, col color.RGBA) {
	from, to = max(from, 0), min(to, c.img.Bounds().Dx())
	if from >= to {
		return
	}
	row := c.img.Pix[y*c.img.Stride+4*from : y*c.img.Stride+4*to]
	if col.A == 255 {
		row[0], row[1], row[2], row[3] = col.R, col.G, col.B, 255
		for n := 4; n < len(row); n *= 2 {
			copy(row[n:], row[:n])
		}
		return
	}
	a := int(col.A)
	for i := 0; i < len(row); i += 4 {
		row[i] = uint8((int(row[i])*(255-a) + int(col.R)*a) / 255)
		row[i+1] = uint8((int(row[i+1])*(255-a) + int(col.G)*a) / 255)
		row[i+2] = uint8((int(row[i+2])*(255-a) + int(col.B)*a) / 255)
	}
}

func (c *canvas) rect(col color.RGBA, x, y, w, h float64) {
	c.fill(col, point{x, y}, point{x + w, y}, point{x + w, y + h}, point{x, y + h})
}

func (c *canvas) ellipse(col color.RGBA, x, y, rx, ry float64) {
	pts := make([]point, 24)
	for i := range pts {
		s, k := math.Sincos(2 * math.Pi * float64(i) / float64(len(pts)))
		pts[i] = point{x + rx*k, y + ry*s}
	}
	c.fill(col, pts...)
}

// blob is an ellipse with an uneven rim: a tree's crown, a bush, a heap.
func (c *canvas) blob(col color.RGBA, x, y, rx, ry float64) {
	pts := make([]point, 14)
	for i := range pts {
		s, k := math.Sincos(2 * math.Pi * float64(i) / float64(len(pts)))
		f := c.between(0.75, 1.2)
		pts[i] = point{x + rx*k*f, y + ry*s*f}
	}
	c.fill(col, pts...)
}

// shade makes a colour lighter (k > 1) or darker.
func shade(col color.RGBA, k float64) color.RGBA {
	f := func(v uint8) uint8 { return uint8(min(255, k*float64(v))) }
	return color.RGBA{f(col.R), f(col.G), f(col.B), col.A}
}

// vary shifts a colour's lightness and tint at random.
func (c *canvas) vary(col color.RGBA, by float64) color.RGBA {
	k := 1 + by*(2*c.r.Float64()-1)
	f := func(v uint8) uint8 { return uint8(min(255, max(0, k*float64(v)+by*60*(c.r.Float64()-0.5)))) }
	return color.RGBA{f(col.R), f(col.G), f(col.B), col.A}
}

// cloth is any colour, rather muted.
func (c *canvas) cloth() color.RGBA {
	grey := c.between(30, 200)
	f := func() uint8 { return uint8(0.45*grey + 0.55*c.between(20, 240)) }
	return color.RGBA{f(), f(), f(), 255}
}

func (c *canvas) sky(p palette, horizon float64) {
	const bands = 24
	h := (horizon - c.top) / bands
	low := c.between(0.8, 1.3)
	for i := range bands {
		c.rect(shade(p.sky, 1+(low-1)*float64(i)/bands), c.left, c.top+h*float64(i), c.right-c.left, h+1)
	}
	for range c.r.IntN(4) {
		c.blob(shade(p.sky, c.between(0.7, 1.35)), c.between(0, 1000), c.between(-50, horizon), c.between(80, 260), c.between(20, 90))
	}
}

func (c *canvas) ground(p palette, horizon float64) {
	c.rect(c.vary(p.ground, 0.3), c.left, horizon, c.right-c.left, c.bottom-horizon)
	vanish := c.between(0, 1000)
	line := shade(p.ground, c.between(0.75, 1.3))
	for x := -2600.0; x < 3600; x += c.between(140, 420) {
		w := c.between(10, 90)
		c.fill(line, point{vanish, horizon}, point{vanish + 2, horizon}, point{x + w, c.bottom}, point{x, c.bottom})
	}
	for range c.r.IntN(6) {
		y := c.between(horizon+10, 760)
		c.ellipse(c.vary(p.ground, 0.5), c.between(0, 1000), y, c.between(40, 240), c.between(8, 50))
	}
}

// backdrops stand on the horizon.
var backdrops = [...]func(*canvas, palette, float64){houses, houses, overpass, trees, wall, station, alley}

func houses(c *canvas, p palette, horizon float64) {
	for x := c.left; x < c.right; {
		w, h := c.between(70, 320), c.between(60, horizon+150)
		col := c.vary(p.wall, 0.5)
		c.rect(col, x, horizon-h, w, h+2)
		c.windows(shade(col, c.between(0.4, 1.6)), x, horizon-h, w, h)
		x += w + c.between(-30, 60)
	}
}

func (c *canvas) windows(col color.RGBA, x, y, w, h float64) {
	sx, sy := c.between(24, 70), c.between(30, 80)
	fx, fy := c.between(0.3, 0.8), c.between(0.3, 0.75)
	for wy := y + sy/3; wy+sy*fy < y+h; wy += sy {
		for wx := x + sx/3; wx+sx*fx < x+w; wx += sx {
			if c.r.IntN(7) > 0 {
				c.rect(c.vary(col, 0.25), wx, wy, sx*fx, sy*fy)
			}
		}
	}
}

func overpass(c *canvas, p palette, horizon float64) {
	houses(c, p, horizon)
	y, h := c.between(40, horizon-20), c.between(40, 110)
	slope := c.between(-0.15, 0.15)
	col := c.vary(p.far, 0.4)
	at := func(x float64) float64 { return y + slope*(x-500) }
	c.fill(col, point{c.left, at(c.left)}, point{c.right, at(c.right)}, point{c.right, at(c.right) + h}, point{c.left, at(c.left) + h})
	for x := c.left; x < c.right; x += 22 {
		c.rect(shade(col, 0.6), x, at(x)-40, 5, 42)
	}
	for x := c.between(-200, 100); x < c.right; x += c.between(220, 420) {
		c.rect(shade(col, 0.75), x, at(x)+h-2, c.between(30, 80), horizon-at(x)-h+40)
	}
}

func trees(c *canvas, p palette, horizon float64) {
	c.rect(c.vary(p.far, 0.3), c.left, horizon-c.between(40, 160), c.right-c.left, 170)
	for range 5 + c.r.IntN(9) {
		x, h := c.between(-100, 1100), c.between(140, 420)
		c.rect(shade(p.ground, 0.5), x-8, horizon-h/2, c.between(10, 30), h/2+30)
		green := color.RGBA{uint8(30 + c.r.IntN(90)), uint8(70 + c.r.IntN(110)), uint8(30 + c.r.IntN(60)), 255}
		for range 4 {
			c.blob(c.vary(green, 0.3), x+c.between(-60, 60), horizon-h*c.between(0.5, 1), c.between(40, 120), c.between(40, 110))
		}
	}
}

func wall(c *canvas, p palette, horizon float64) {
	h := c.between(180, horizon+200)
	col := c.vary(p.wall, 0.3)
	c.rect(col, c.left, horizon-h, c.right-c.left, h+2)
	bw, bh := c.between(40, 110), c.between(18, 50)
	for row, y := 0, horizon-h; y < horizon; row, y = row+1, y+bh {
		for x := c.left - bw/2*float64(row%2); x < c.right; x += bw {
			if c.r.IntN(3) == 0 {
				c.rect(c.vary(col, 0.18), x+2, y+2, bw-4, bh-4)
			}
		}
	}
	for range 1 + c.r.IntN(4) {
		x, w, dh := c.between(-50, 950), c.between(60, 260), c.between(0.3, 0.9)*h
		c.rect(c.cloth(), x, horizon-dh, w, dh*c.between(0.3, 1))
	}
}

func station(c *canvas, p palette, horizon float64) {
	h, x, w := c.between(150, horizon), c.between(-100, 250), c.between(600, 1000)
	col := c.vary(p.far, 0.4)
	c.rect(col, x, horizon-h, w, h+2)
	c.fill(shade(col, c.between(0.5, 1.4)), point{x - 60, horizon - h}, point{x + w + 60, horizon - h}, point{x + w*c.between(0.3, 0.7), horizon - h - c.between(40, 200)})
	for cx := x + 20; cx < x+w; cx += c.between(50, 160) {
		c.rect(shade(col, c.between(0.4, 1.5)), cx, horizon-h+30, c.between(14, 60), h-30)
	}
	c.rect(p.accent, x+c.between(0, w/2), horizon-h*c.between(0.5, 0.9), c.between(120, 360), c.between(30, 80))
}

// alley has a row of fronts on either side that run to one point.
func alley(c *canvas, p palette, horizon float64) {
	vx := c.between(250, 750)
	for side := range 2 {
		edge := c.left
		if side == 1 {
			edge = c.right
		}
		for f, g := 0.0, 0.0; f < 0.85; f = g {
			g = f + c.between(0.1, 0.3)
			x1, x2 := edge+(vx-edge)*f, edge+(vx-edge)*g
			top := func(f float64) float64 { return -200 + (horizon+150)*f }
			foot := func(f float64) float64 { return c.bottom + (horizon-c.bottom)*f }
			c.fill(c.vary(p.wall, 0.5), point{x1, top(f)}, point{x2, top(g)}, point{x2, foot(g)}, point{x1, foot(f)})
			m := (foot(f) - top(f)) * c.between(0.3, 0.6)
			c.fill(c.cloth(), point{x1, top(f) + m}, point{x2, top(g) + m*(1-(g-f))}, point{x2, top(g) + m*(1-(g-f)) + 30}, point{x1, top(f) + m + 50})
		}
	}
}

// props stand on the ground.
var props = [...]func(*canvas, palette, float64){stall, vehicle, pole, steps, bench, sign}

func stall(c *canvas, p palette, horizon float64) {
	x, y, w := c.between(-100, 850), c.between(horizon, 600), c.between(160, 420)
	h := w * c.between(0.4, 0.8)
	stripes := [2]color.RGBA{c.cloth(), c.cloth()}
	for i := range 8 {
		s := w / 8
		c.fill(stripes[i%2], point{x + s*float64(i), y - h}, point{x + s*float64(i+1), y - h}, point{x + s*float64(i+1) + 14, y - h*0.7}, point{x + s*float64(i) + 14, y - h*0.7})
	}
	c.rect(shade(p.wall, 0.5), x+10, y-h*0.7, 10, h*0.9)
	c.rect(shade(p.wall, 0.5), x+w-10, y-h*0.7, 10, h*0.9)
	c.rect(c.vary(p.wall, 0.4), x, y-h*0.2, w, h*0.4)
	for range 12 {
		c.ellipse(c.cloth(), x+c.between(0, w), y-h*0.22, c.between(8, 22), c.between(8, 18))
	}
}

func vehicle(c *canvas, _ palette, horizon float64) {
	x, y, w := c.between(-200, 800), c.between(horizon+20, 620), c.between(220, 520)
	h, col := w*c.between(0.28, 0.5), c.cloth()
	c.fill(col, point{x, y}, point{x, y - h*0.5}, point{x + w*0.2, y - h*0.55}, point{x + w*0.32, y - h}, point{x + w*0.8, y - h}, point{x + w*0.95, y - h*0.5}, point{x + w, y})
	c.fill(rgb(0x2a3036), point{x + w*0.26, y - h*0.55}, point{x + w*0.35, y - h*0.9}, point{x + w*0.76, y - h*0.9}, point{x + w*0.86, y - h*0.55})
	for _, f := range []float64{0.22, 0.78} {
		c.ellipse(rgb(0x1b1b1b), x+w*f, y, h*0.22, h*0.22)
		c.ellipse(rgb(0x9a9a9a), x+w*f, y, h*0.1, h*0.1)
	}
}

func pole(c *canvas, p palette, horizon float64) {
	x, w := c.between(0, 1000), c.between(8, 46)
	c.rect(shade(p.wall, c.between(0.3, 1.3)), x, c.between(-300, 100), w, horizon+400)
	c.rect(c.cloth(), x-c.between(20, 140), c.between(20, 260), c.between(120, 300), c.between(40, 130))
}

func steps(c *canvas, p palette, horizon float64) {
	x, y, w := c.between(-200, 600), c.between(horizon+80, 700), c.between(300, 800)
	for i := range 7 {
		f := float64(i)
		c.rect(shade(p.far, 1.25-0.12*f), x-14*f, y-110+26*f, w+28*f, 27)
	}
}

func bench(c *canvas, p palette, horizon float64) {
	x, y, w := c.between(0, 800), c.between(horizon+40, 640), c.between(180, 360)
	col := c.vary(p.accent, 0.4)
	c.rect(col, x, y-90, w, 22)
	c.rect(col, x, y-60, w, 16)
	c.rect(shade(col, 0.7), x-8, y-36, w+16, 20)
	c.rect(rgb(0x303030), x+10, y-20, 12, 40)
	c.rect(rgb(0x303030), x+w-22, y-20, 12, 40)
}

func sign(c *canvas, p palette, horizon float64) {
	x, y, w, h := c.between(-50, 800), c.between(-40, horizon), c.between(120, 420), c.between(60, 220)
	bg := c.cloth()
	c.rect(bg, x, y, w, h)
	ink := shade(bg, 0.35)
	if int(bg.R)+int(bg.G)+int(bg.B) < 300 {
		ink = rgb(0xf2efe6)
	}
	for ly := y + 14; ly < y+h-14; ly += 26 { // lines of writing that says nothing
		for lx := x + 12; lx < x+w-24; lx += c.between(18, 40) {
			c.rect(ink, lx, ly, c.between(6, 16), 14)
		}
	}
}

// figure draws a person without a face, standing at x with feet at y.
func (c *canvas) figure(p palette, x, y, h float64) {
	skin := c.vary(rgb(0xc99a74), 0.2)
	coat, legs := c.cloth(), shade(c.cloth(), 0.6)
	w := h * c.between(0.24, 0.36)
	shadow := rgb(0x000000)
	shadow.A = 90
	c.ellipse(shadow, x, y, w*0.9, h*0.05)
	c.rect(legs, x-w*0.3, y-h*0.42, w*0.26, h*0.42)
	c.rect(legs, x+w*0.04, y-h*0.42, w*0.26, h*0.42)
	c.fill(coat, point{x - w*0.32, y - h*0.8}, point{x + w*0.32, y - h*0.8}, point{x + w*0.45, y - h*0.36}, point{x - w*0.45, y - h*0.36})
	arm := c.between(-0.5, 0.9)
	c.fill(shade(coat, 0.8), point{x + w*0.28, y - h*0.79}, point{x + w*0.42, y - h*0.74}, point{x + w*(0.42+arm), y - h*0.5}, point{x + w*(0.26+arm), y - h*0.48})
	c.fill(shade(coat, 0.85), point{x - w*0.28, y - h*0.79}, point{x - w*0.42, y - h*0.74}, point{x - w*0.55, y - h*0.45}, point{x - w*0.4, y - h*0.44})
	c.ellipse(skin, x, y-h*0.89, h*0.075, h*0.095)
	hair := rgb(0x241c18)
	if c.r.IntN(4) == 0 {
		hair = c.cloth() // a cap
	}
	c.fill(hair, point{x - h*0.078, y - h*0.9}, point{x - h*0.06, y - h*0.985}, point{x, y - h}, point{x + h*0.06, y - h*0.985}, point{x + h*0.078, y - h*0.9}, point{x, y - h*0.935})
	if c.r.IntN(2) == 0 {
		c.blob(c.cloth(), x-w*0.6, y-h*0.35, w*0.3, h*0.12) // a bag
	}
}

// foreground is something near and out of focus at an edge.
func (c *canvas) foreground(p palette) {
	col := c.vary(shade(p.accent, c.between(0.2, 1.2)), 0.4)
	x := c.between(-80, 120)
	if c.r.IntN(2) == 0 {
		x = 1000 - x
	}
	c.blob(col, x, c.between(100, 700), c.between(100, 240), c.between(150, 400))
}

// light lays sun and shade over the picture: a smooth field of the given strength, and
// the grain of a phone's camera.
func (c *canvas) light(strength float64) {
	const gw, gh = 6, 5
	var grid [gh + 2][gw + 2]float64
	for y := range grid {
		for x := range grid[y] {
			grid[y][x] = math.Exp(strength * (2*c.r.Float64() - 1))
		}
	}
	w, h := c.img.Bounds().Dx(), c.img.Bounds().Dy()
	noise := c.r.Uint64() | 1
	line := make([]int32, w)
	for y := range h {
		fy := float64(y) / float64(h) * gh
		iy := int(fy)
		ty := smooth(fy - float64(iy))
		var edge [gw + 2]float64
		for x := range edge {
			edge[x] = grid[iy][x]*(1-ty) + grid[iy+1][x]*ty
		}
		for x := range line {
			fx := float64(x) * gw / float64(w)
			ix := int(fx)
			tx := smooth(fx - float64(ix))
			line[x] = int32(256 * (edge[ix]*(1-tx) + edge[ix+1]*tx))
		}
		row := c.img.Pix[y*c.img.Stride : y*c.img.Stride+4*w]
		for x, k := range line {
			noise ^= noise << 13
			noise ^= noise >> 7
			noise ^= noise << 17
			n := int32(noise>>56)&15 - 8
			px := row[4*x : 4*x+4]
			px[0] = clamp(int32(px[0])*k>>8 + n)
			px[1] = clamp(int32(px[1])*k>>8 + n)
			px[2] = clamp(int32(px[2])*k>>8 + n)
			px[3] = 255
		}
	}
}

func smooth(t float64) float64 { return t * t * (3 - 2*t) }

func clamp(v int32) uint8 { return uint8(min(255, max(0, v))) }
