package made

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// An Edit is one thing that happens to a picture on its way.
type Edit struct {
	Name, Class string
	Quality     int // of the JPEG that it is saved as
	// apply returns the edited picture and leaves m as it is. other returns pictures that have nothing to do with it.
	apply func(r *rand.Rand, m *image.RGBA, other func() *image.RGBA) *image.RGBA
}

// Edits are 36 in 8 classes, with the names and the strength of those of the benchmark's generator.
func Edits() []Edit {
	alone := func(class, name string, f func(*rand.Rand, *image.RGBA) *image.RGBA) Edit {
		return Edit{name, class, 75, func(r *rand.Rand, m *image.RGBA, _ func() *image.RGBA) *image.RGBA { return f(r, m) }}
	}
	as := func(quality int, e Edit) Edit { e.Quality = quality; return e }
	itself := func(_ *rand.Rand, m *image.RGBA) *image.RGBA { return m }
	scaled := func(percent int) func(*rand.Rand, *image.RGBA) *image.RGBA {
		return func(_ *rand.Rand, m *image.RGBA) *image.RGBA {
			return resized(m, image.Pt(max(16, m.Rect.Dx()*percent/100), max(16, m.Rect.Dy()*percent/100)))
		}
	}
	cropped := func(keep float64) func(*rand.Rand, *image.RGBA) *image.RGBA {
		return func(r *rand.Rand, m *image.RGBA) *image.RGBA { return crop(r, m, keep) }
	}
	turned := func(degrees float64) func(*rand.Rand, *image.RGBA) *image.RGBA {
		return func(r *rand.Rand, m *image.RGBA) *image.RGBA {
			return turn(m, either(r, degrees), [2]color.RGBA{grey(255), grey(0)}[r.IntN(2)])
		}
	}
	const photometric, overlay, small, flip, large, embedded, recapture, combo = "A-photometric", "B-overlay", "C-geometry-small",
		"D-flip-turn", "E-geometry-large", "F-embedded", "G-recapture", "H-combo"
	return []Edit{
		as(30, alone(photometric, "jpeg_q30", itself)),
		as(10, alone(photometric, "jpeg_q10", itself)),
		alone(photometric, "resize_50", scaled(50)),
		alone(photometric, "resize_25", scaled(25)),
		alone(photometric, "tone", tone),
		alone(photometric, "sepia", sepia),
		alone(photometric, "grey", func(r *rand.Rand, m *image.RGBA) *image.RGBA { return saturated(m, 0) }),
		alone(photometric, "colour", colours),
		alone(photometric, "blur", func(r *rand.Rand, m *image.RGBA) *image.RGBA {
			return blurred(m, float64(max(m.Rect.Dx(), m.Rect.Dy()))/1024*between(r, 2.5, 4))
		}),
		alone(photometric, "noise", func(r *rand.Rand, m *image.RGBA) *image.RGBA { return noisy(r, m, between(r, 15, 30)) }),
		alone(overlay, "wm_corner", corner),
		alone(overlay, "wm_big", watermark),
		alone(overlay, "banner", banner),
		alone(overlay, "meme", meme),
		alone(small, "squeeze", func(_ *rand.Rand, m *image.RGBA) *image.RGBA {
			side := root(float64(m.Rect.Dx() * m.Rect.Dy()))
			return resized(m, image.Pt(side, side))
		}),
		alone(small, "crop_10", cropped(0.9)),
		alone(small, "rot_2", turned(2)),
		alone(small, "border", border),
		alone(small, "rotcrop_5", func(r *rand.Rand, m *image.RGBA) *image.RGBA { return straightened(m, either(r, 5)) }),
		alone(flip, "mirror", func(_ *rand.Rand, m *image.RGBA) *image.RGBA { return mirror(m) }),
		alone(flip, "rot_90", turned(90)),
		alone(large, "crop_25", cropped(0.75)),
		alone(large, "crop_50", cropped(0.5)),
		alone(large, "crop_70", cropped(0.3)),
		alone(large, "rot_5", turned(5)),
		alone(large, "rot_15", turned(15)),
		alone(large, "persp", func(r *rand.Rand, m *image.RGBA) *image.RGBA {
			return slanted(r, m, 0.10, blurred(noisy(r, plain(m.Rect.Size(), colourful(r)), 60), 8))
		}),
		alone(embedded, "poster", poster),
		{"collage_9", embedded, 75, nineGrid},
		{"collage_4", embedded, 75, fourGrid},
		alone(embedded, "screenshot", screenshot),
		{"recapture", recapture, 75, func(r *rand.Rand, m *image.RGBA, other func() *image.RGBA) *image.RGBA {
			return photographed(r, slanted(r, m, 0.07, other()), float64(max(m.Rect.Dx(), m.Rect.Dy()))/1024*between(r, 1, 2))
		}},
		{"printed_poster", recapture, 75, func(r *rand.Rand, m *image.RGBA, other func() *image.RGBA) *image.RGBA {
			return photographed(r, slanted(r, poster(r, m), 0.08, other()), between(r, 0.8, 1.8))
		}},
		alone(combo, "combo_light", func(r *rand.Rand, m *image.RGBA) *image.RGBA {
			m = one(r, corner, banner, meme)(r, crop(r, m, 0.9))
			return one(r, tone, colours, sepia, scaled(50))(r, m)
		}),
		alone(combo, "combo_hard", func(r *rand.Rand, m *image.RGBA) *image.RGBA {
			m = crop(r, m, 0.75)
			if r.IntN(2) == 0 {
				return meme(r, mirror(m))
			}
			return border(r, colours(r, m))
		}),
		alone(combo, "combo_shot", func(r *rand.Rand, m *image.RGBA) *image.RGBA {
			m = one(r, func(_ *rand.Rand, m *image.RGBA) *image.RGBA { return mirror(m) }, cropped(0.9), corner)(r, m)
			return screenshot(r, colours(r, m))
		}),
	}
}

// Apply returns a copy of the picture that underwent the edit, as a JPEG with a long side of at most 1,280. How much of it follows
// from r.
func (e Edit) Apply(r *rand.Rand, m *image.RGBA, other func() *image.RGBA) []byte {
	const side = 1280
	out := e.apply(r, m, other)
	if max(out.Rect.Dx(), out.Rect.Dy()) > side {
		out = within(out, image.Pt(side, side))
	}
	return JPEG(out, e.Quality)
}

// JPEG encodes a picture.
func JPEG(m image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(fmt.Sprintf("made: encode: %v", err)) // a buffer takes everything
	}
	return b.Bytes()
}

func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

func either(r *rand.Rand, v float64) float64 { return v * float64(1-2*r.IntN(2)) }

func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func root(v float64) int { return int(math.Round(math.Sqrt(v))) }

func copied(m *image.RGBA) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: m.Rect.Size()})
	draw.Draw(out, out.Rect, m, m.Rect.Min, draw.Src)
	return out
}

func plain(size image.Point, c color.RGBA) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: size})
	fill(out, out.Rect, c)
	return out
}

func crop(r *rand.Rand, m *image.RGBA, keep float64) *image.RGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	wide := min(1, math.Sqrt(keep*between(r, 0.85, 1.18)))
	high := min(1, keep/wide)
	cw, ch := int(float64(w)*keep/high), int(float64(h)*high)
	at := image.Pt(r.IntN(w-cw+1), r.IntN(h-ch+1))
	return copied(m.SubImage(image.Rect(0, 0, cw, ch).Add(at)).(*image.RGBA))
}

func mirror(m *image.RGBA) *image.RGBA {
	out := image.NewRGBA(m.Rect)
	w := m.Rect.Dx()
	for y := range m.Rect.Dy() {
		for x := range w {
			copy(out.Pix[y*out.Stride+4*x:][:4], m.Pix[y*m.Stride+4*(w-1-x):])
		}
	}
	return out
}

// each maps every pixel's colours.
func each(m *image.RGBA, f func(p *[3]float32)) *image.RGBA {
	out := copied(m)
	for i := 0; i < len(out.Pix); i += 4 {
		p := [3]float32{float32(out.Pix[i]), float32(out.Pix[i+1]), float32(out.Pix[i+2])}
		f(&p)
		out.Pix[i], out.Pix[i+1], out.Pix[i+2] = clamp(p[0]), clamp(p[1]), clamp(p[2])
	}
	return out
}

// curved maps every colour by a curve of its own.
func curved(m *image.RGBA, curve func(channel int, v float64) float64) *image.RGBA {
	var table [3][256]uint8
	for c := range table {
		for v := range table[c] {
			table[c][v] = clamp(float32(curve(c, float64(v))))
		}
	}
	out := copied(m)
	for i := 0; i < len(out.Pix); i += 4 {
		for c := range table {
			out.Pix[i+c] = table[c][out.Pix[i+c]]
		}
	}
	return out
}

func tone(r *rand.Rand, m *image.RGBA) *image.RGBA {
	brightness, contrast, gamma := between(r, 0.6, 1.45), between(r, 0.6, 1.5), math.Exp(between(r, -0.6, 0.6))
	return curved(m, func(_ int, v float64) float64 {
		v = max(0, min(255, 128+contrast*(v*brightness-128)))
		return 255 * math.Pow(v/255, gamma)
	})
}

func sepia(_ *rand.Rand, m *image.RGBA) *image.RGBA {
	return each(m, func(p *[3]float32) {
		a, b, c := p[0], p[1], p[2]
		*p = [3]float32{.393*a + .769*b + .189*c, .349*a + .686*b + .168*c, .272*a + .534*b + .131*c}
	})
}

func saturated(m *image.RGBA, k float32) *image.RGBA {
	return each(m, func(p *[3]float32) {
		luma := .299*p[0] + .587*p[1] + .114*p[2]
		for i, v := range p {
			p[i] = luma + k*(v-luma)
		}
	})
}

// colours is a filter as apps have them: saturation, a curve for each colour, dark corners.
func colours(r *rand.Rand, m *image.RGBA) *image.RGBA {
	out := saturated(m, float32(between(r, 0.3, 1.9)))
	gamma := [3]float64{math.Exp(between(r, -.35, .35)), math.Exp(between(r, -.35, .35)), math.Exp(between(r, -.35, .35))}
	out = curved(out, func(c int, v float64) float64 { return 255 * math.Pow(v/255, gamma[c]) })
	dark := between(r, .1, .5)
	w, h := out.Rect.Dx(), out.Rect.Dy()
	for y := range h {
		for x := range w {
			u, v := 2*float64(x)/float64(w)-1, 2*float64(y)/float64(h)-1
			k := float32(1 - dark*min(1, (u*u+v*v)/2))
			p := out.Pix[y*out.Stride+4*x:][:3]
			for i := range p {
				p[i] = clamp(k * float32(p[i]))
			}
		}
	}
	return out
}

// blurred is near enough to a Gaussian of that deviation: a box three times each way.
func blurred(m *image.RGBA, sigma float64) *image.RGBA {
	out := copied(m)
	radius := int(math.Round((math.Sqrt(4*sigma*sigma+1) - 1) / 2))
	if radius < 1 {
		radius = 1
	}
	w, h := out.Rect.Dx(), out.Rect.Dy()
	line := make([]uint8, max(w, h))
	pass := func(start, step, n int) {
		for i := range n {
			line[i] = out.Pix[start+i*step]
		}
		sum := 0
		for i := -radius; i <= radius; i++ {
			sum += int(line[max(0, min(n-1, i))])
		}
		for i := range n {
			out.Pix[start+i*step] = uint8(sum / (2*radius + 1))
			sum += int(line[min(n-1, i+radius+1)]) - int(line[max(0, i-radius)])
		}
	}
	for range 3 {
		for c := range 3 {
			for y := range h {
				pass(y*out.Stride+c, 4, w)
			}
			for x := range w {
				pass(4*x+c, out.Stride, h)
			}
		}
	}
	return out
}

func noisy(r *rand.Rand, m *image.RGBA, deviation float64) *image.RGBA {
	return each(m, func(p *[3]float32) {
		for i := range p {
			// The sum of four even draws is near enough to a bell and quicker.
			sum := r.Uint64()
			n := float64(sum&0xffff+sum>>16&0xffff+sum>>32&0xffff+sum>>48) / 0xffff
			p[i] += float32((n - 2) * deviation * 1.73)
		}
	})
}

func corner(r *rand.Rand, m *image.RGBA) *image.RGBA {
	out := copied(m)
	w, h := out.Rect.Dx(), out.Rect.Dy()
	side := max(4, int(float64(min(w, h))*between(r, .045, .075)))
	text := words(r, 5+r.IntN(4))
	box := image.Rect(w*98/100-side*len(text), h*98/100-side, w*98/100, h*98/100)
	write(out, box.Add(image.Pt(1, 1)), text, grey(60))
	write(out, box, text, grey(255))
	return out
}

// watermark is half transparent writing across the picture.
func watermark(r *rand.Rand, m *image.RGBA) *image.RGBA {
	out := copied(m)
	w, h := out.Rect.Dx(), out.Rect.Dy()
	text := words(r, 4+r.IntN(5))
	ink := image.NewRGBA(out.Rect)
	side := w * 115 / 100 / len(text)
	write(ink, image.Rect(0, (h-side)/2, w, (h+side)/2), text, grey(255))
	sheer := float32(between(r, 110, 190)) / 255
	sin, cos := math.Sincos(between(r, -35, 35) * math.Pi / 180)
	for y := range h {
		for x := range w {
			dx, dy := float64(x-w/2), float64(y-h/2)
			u, v := int(dx*cos+dy*sin)+w/2, int(dy*cos-dx*sin)+h/2
			if !(image.Point{u, v}).In(ink.Rect) || ink.Pix[v*ink.Stride+4*u] == 0 {
				continue
			}
			p := out.Pix[y*out.Stride+4*x:][:3]
			for i := range p {
				p[i] = clamp(float32(p[i]) + sheer*(255-float32(p[i])))
			}
		}
	}
	return out
}

func banner(r *rand.Rand, m *image.RGBA) *image.RGBA {
	out := copied(m)
	w, h := out.Rect.Dx(), out.Rect.Dy()
	paper := one(r, color.RGBA{200, 20, 20, 255}, grey(0), color.RGBA{255, 220, 0, 255}, grey(255))
	ink := grey(255)
	if paper.G > 100 {
		ink = grey(0)
	}
	strip := image.Rect(0, h-h*15/100, w, h)
	fill(out, strip, paper)
	write(out, strip.Inset(strip.Dy()/5), words(r, 6+r.IntN(5)), ink)
	return out
}

func meme(r *rand.Rand, m *image.RGBA) *image.RGBA {
	out := copied(m)
	w, h := out.Rect.Dx(), out.Rect.Dy()
	side := int(float64(h) * between(r, .09, .13))
	for i, text := range [][]int{words(r, 5+r.IntN(6)), words(r, 10+r.IntN(10))} {
		box := image.Rect(w/40, h*3/100, w*39/40, h*3/100+side)
		if i == 1 {
			box = image.Rect(w/40, h*97/100-side, w*39/40, h*97/100)
		}
		for _, d := range []image.Point{{-2, 0}, {2, 0}, {0, -2}, {0, 2}} {
			write(out, box.Add(d), text, grey(0))
		}
		write(out, box, text, grey(255))
	}
	return out
}

// border is a frame, or a page of another shape, plain or of the picture blurred.
func border(r *rand.Rand, m *image.RGBA) *image.RGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	c := one(r, grey(0), grey(255), colourful(r))
	var page *image.RGBA
	switch r.IntN(3) {
	case 0:
		edge := 2 * int(float64(min(w, h))*between(r, .05, .12))
		page = plain(image.Pt(w+edge, h+edge), c)
	case 1:
		page = plain(image.Pt(max(w, h), max(w, h)), c)
		if w == h {
			page = plain(image.Pt(w, w*16/9), c)
		}
	default:
		page = blurred(resized(m, image.Pt(w, max(h, w*16/9))), 30)
	}
	at := m.Rect.Add(image.Pt((page.Rect.Dx()-w)/2, (page.Rect.Dy()-h)/2))
	draw.Draw(page, at, m, image.Point{}, draw.Src)
	return page
}

func poster(r *rand.Rand, m *image.RGBA) *image.RGBA {
	h := int(900 * between(r, 1.25, 1.5))
	wide := float64(m.Rect.Dx()) / float64(m.Rect.Dy())
	return posterPage(r, r, 900, h, func(size image.Point) *image.RGBA { return within(m, size) }, between(r, .36, .44), wide)
}

func screenshot(r *rand.Rand, m *image.RGBA) *image.RGBA {
	m = within(m, image.Pt(int(720*between(r, .72, .96)), 760))
	page, at := screenPage(r, r, m.Rect.Size())
	draw.Draw(page, at, m, image.Point{}, draw.Src)
	return page
}

func nineGrid(r *rand.Rand, m *image.RGBA, other func() *image.RGBA) *image.RGBA {
	const side, gap = 330, 8
	page := plain(image.Pt(3*side+2*gap, 3*side+2*gap), grey(255))
	at := r.IntN(9)
	for i := range 9 {
		cell := m
		if i != at {
			cell = other()
		}
		draw.Draw(page, image.Rect(0, 0, side, side).Add(image.Pt(i%3*(side+gap), i/3*(side+gap))), covering(cell, image.Pt(side, side)), image.Point{}, draw.Src)
	}
	return page
}

func fourGrid(r *rand.Rand, m *image.RGBA, other func() *image.RGBA) *image.RGBA {
	const side = 480
	page := plain(image.Pt(2*side, 2*side), grey(255))
	at := r.IntN(4)
	for i := range 4 {
		cell := m
		if i != at {
			cell = other()
		}
		cell = within(cell, image.Pt(side-10, side-10))
		draw.Draw(page, cell.Rect.Add(image.Pt(i%2*side+(side-cell.Rect.Dx())/2, i/2*side+(side-cell.Rect.Dy())/2)), cell, image.Point{}, draw.Src)
	}
	return page
}

// photographed is what a phone makes of it: soft, lit from a side, grainy, tinted.
func photographed(r *rand.Rand, m *image.RGBA, sigma float64) *image.RGBA {
	out := blurred(m, sigma)
	light(out, r.Float64()*2*math.Pi, between(r, .15, .4)/2)
	tint := [3]float64{between(r, .85, 1.1), between(r, .85, 1.1), between(r, .85, 1.1)}
	return noisy(r, curved(out, func(c int, v float64) float64 { return tint[c] * v }), 6)
}

// Part returns another picture made of a part of one: a quarter to six tenths of it, mirrored or not, in another light.
func Part(r *rand.Rand, m *image.RGBA) *image.RGBA {
	out := crop(r, m, between(r, 0.25, 0.6))
	if r.IntN(2) == 0 {
		out = mirror(out)
	}
	gamma := math.Exp(between(r, -0.4, 0.4))
	return curved(out, func(_ int, v float64) float64 { return 255 * math.Pow(v/255, gamma) })
}
