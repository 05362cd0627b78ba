package draw

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Edit is one thing that happens to a picture on its way through other people's phones.
type Edit string

// The edits of Near leave the 64-bit perceptual hash within a distance of 10; those of
// Far move it about as far as another picture's.
const (
	Recompress Edit = "recompress" // JPEG quality 30 to 80
	Resize     Edit = "resize"     // 35 to 80 % of the width
	Tone       Edit = "tone"       // towards sepia, grey or another white balance
	Brightness Edit = "brightness" // gamma 0.7 to 1.4
	Caption    Edit = "caption"    // a bar with writing over the lower 3.5 to 5 %, light or dark as what it covers
	Mirror     Edit = "mirror"     // left and right exchanged
	Crop       Edit = "crop"       // a quarter to a half of the picture cut away
	Turn       Edit = "turn"       // a quarter turn, left or right
	Poster     Edit = "poster"     // on a page with a heading and lines of writing
	Collage    Edit = "collage"    // one of nine pictures in a square
	Screenshot Edit = "screenshot" // between the writing and the buttons of a phone's screen
	Print      Edit = "print"      // on paper that lies on a table, seen at an angle
)

// Near lists the edits that a comparison of whole-picture hashes finds.
func Near() []Edit { return []Edit{Recompress, Resize, Tone, Brightness, Caption} }

// Far lists the edits that take more than that to find.
func Far() []Edit { return []Edit{Mirror, Crop, Turn, Poster, Collage, Screenshot, Print} }

// Apply returns a copy of the picture that underwent the edit, as a JPEG. How much of it
// is drawn from r. It leaves img as it is.
func (e Edit) Apply(img *image.RGBA, r *rand.Rand) []byte {
	b := img.Bounds()
	quality := 75 + r.IntN(15)
	switch e {
	case Recompress:
		return JPEG(img, 30+r.IntN(51))
	case Resize:
		f := 0.35 + 0.45*r.Float64()
		small := image.NewRGBA(image.Rect(0, 0, int(f*float64(b.Dx())), int(f*float64(b.Dy()))))
		xdraw.ApproxBiLinear.Scale(small, small.Bounds(), img, b, draw.Src, nil)
		return JPEG(small, quality)
	case Tone:
		return JPEG(tone(img, r), quality)
	case Brightness:
		return JPEG(brightness(img, 0.7*math.Pow(2, r.Float64())), quality)
	case Caption:
		return JPEG(caption(img, r), quality)
	case Mirror:
		out := image.NewRGBA(b)
		for y := range b.Dy() {
			for x := range b.Dx() {
				out.SetRGBA(x, y, img.RGBAAt(b.Dx()-1-x, y))
			}
		}
		return JPEG(out, quality)
	case Crop:
		f := math.Sqrt(0.5 + 0.25*r.Float64())
		w, h := int(f*float64(b.Dx())), int(f*float64(b.Dy()))
		x, y := r.IntN(b.Dx()-w+1), r.IntN(b.Dy()-h+1)
		return JPEG(img.SubImage(image.Rect(x, y, x+w, y+h)), quality)
	case Turn:
		return JPEG(turn(img, r.IntN(2) == 0), quality)
	case Poster:
		return JPEG(poster(img, r), quality)
	case Collage:
		return JPEG(collage(img, r), quality)
	case Screenshot:
		return JPEG(screenshot(img, r), quality)
	case Print:
		return JPEG(printed(img, r), quality)
	}
	panic(fmt.Sprintf("no edit %q", e))
}

// tone mixes the colours with a tinted grey.
func tone(img *image.RGBA, r *rand.Rand) *image.RGBA {
	grey := r.Float64()
	tint := [3]float64{0.9 + 0.2*r.Float64(), 1, 0.8 + 0.3*r.Float64()}
	out := image.NewRGBA(img.Rect)
	for i := 0; i < len(img.Pix); i += 4 {
		p := img.Pix[i : i+4]
		luma := 0.299*float64(p[0]) + 0.587*float64(p[1]) + 0.114*float64(p[2])
		for k := range 3 {
			out.Pix[i+k] = clamp(int32(tint[k] * (grey*luma + (1-grey)*float64(p[k]))))
		}
		out.Pix[i+3] = 255
	}
	return out
}

func brightness(img *image.RGBA, gamma float64) *image.RGBA {
	var curve [256]uint8
	for v := range curve {
		curve[v] = uint8(math.Round(255 * math.Pow(float64(v)/255, gamma)))
	}
	out := image.NewRGBA(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = curve[v] // 255, the alpha, stays
	}
	return out
}

func caption(img *image.RGBA, r *rand.Rand) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	copy(out.Pix, img.Pix)
	h := int(float64(img.Rect.Dy()) * (0.035 + 0.015*r.Float64()))
	bar := image.Rect(0, img.Rect.Dy()-h, img.Rect.Dx(), img.Rect.Dy())
	paper, ink := color.Color(color.Black), color.Color(color.White)
	if lightness(img, bar) > 128 {
		paper, ink = ink, paper
	}
	draw.Draw(out, bar, image.NewUniform(paper), image.Point{}, draw.Src)
	write(out, bar.Inset(h/8), fmt.Sprintf("DEMO SEEN %02d:%02d PLEASE SHARE", r.IntN(24), r.IntN(60)), ink)
	return out
}

// lightness is the mean of the green channel.
func lightness(img *image.RGBA, part image.Rectangle) int {
	sum := 0
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			sum += int(img.Pix[img.PixOffset(x, y)+1])
		}
	}
	return sum / (part.Dx() * part.Dy())
}

// poster puts the picture on an upright page, over two fifths of it.
func poster(img *image.RGBA, r *rand.Rand) *image.RGBA {
	const w, h = 900, 1270
	page := image.NewRGBA(image.Rect(0, 0, w, h))
	papers := [...]color.RGBA{rgb(0xffffff), rgb(0xfff6d8), rgb(0xf3e3e0), rgb(0xe4eef5)}
	paper := papers[r.IntN(len(papers))]
	draw.Draw(page, page.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	heading := image.Rect(0, 0, w, 130+r.IntN(60))
	draw.Draw(page, heading, image.NewUniform(rgb(0xb02a1f)), image.Point{}, draw.Src)
	write(page, heading.Inset(30), "SEEKING FAMILY", color.White)
	pw := w - 100 - r.IntN(120)
	ph := pw * img.Rect.Dy() / img.Rect.Dx()
	at := image.Rect(0, 0, pw, ph).Add(image.Pt((w-pw)/2, heading.Max.Y+40))
	xdraw.ApproxBiLinear.Scale(page, at, img, img.Rect, draw.Src, nil)
	for i, y := 0, at.Max.Y+40; y < h-60; i, y = i+1, y+56 {
		write(page, image.Rect(60, y, w-60-r.IntN(300), y+34), fmt.Sprintf("DEMO %02d: TEL 000-0000-%04d", i+1, r.IntN(10000)), color.Black)
	}
	return page
}

func turn(img *image.RGBA, left bool) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, h, w))
	for y := range w {
		for x := range h {
			if left {
				out.SetRGBA(x, y, img.RGBAAt(w-1-y, x))
			} else {
				out.SetRGBA(x, y, img.RGBAAt(y, h-1-x))
			}
		}
	}
	return out
}

// collage puts the picture among eight drawn for it, each cut to a square.
func collage(img *image.RGBA, r *rand.Rand) *image.RGBA {
	const cell, gap = 320, 8
	side := 3*cell + 4*gap
	page := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(page, page.Rect, image.White, image.Point{}, draw.Src)
	place := r.IntN(9)
	for i := range 9 {
		one := img
		if i != place {
			one = scene(r, 4*cell/3, cell)
		}
		at := image.Rect(0, 0, cell, cell).Add(image.Pt(gap+i%3*(cell+gap), gap+i/3*(cell+gap)))
		edge := min(one.Rect.Dx(), one.Rect.Dy())
		square := image.Rect(0, 0, edge, edge).Add(image.Pt((one.Rect.Dx()-edge)/2, (one.Rect.Dy()-edge)/2))
		xdraw.ApproxBiLinear.Scale(page, at, one, square, draw.Src, nil)
	}
	return page
}

// screenshot shows the picture as wide as the screen of a phone.
func screenshot(img *image.RGBA, r *rand.Rand) *image.RGBA {
	const w, h = 720, 1480
	page := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(page, page.Rect, image.NewUniform(rgb(0xf7f7f7)), image.Point{}, draw.Src)
	write(page, image.Rect(24, 12, 200, 40), fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60)), color.Black)
	draw.Draw(page, image.Rect(w-90, 16, w-24, 36), image.NewUniform(rgb(0x303030)), image.Point{}, draw.Src)
	write(page, image.Rect(28, 84, w-200, 118), "DEMO CIRCLE", color.Black)
	y := 150
	for i := range 2 + r.IntN(4) {
		write(page, image.Rect(28, y, w-30-r.IntN(200), y+28), fmt.Sprintf("DEMO LINE %d SEEN AT STATION %02d", i+1, r.IntN(100)), rgb(0x333333))
		y += 44
	}
	ph := w * img.Rect.Dy() / img.Rect.Dx()
	xdraw.ApproxBiLinear.Scale(page, image.Rect(0, y, w, y+ph), img, img.Rect, draw.Src, nil)
	y += ph + 24
	for i := range 3 {
		draw.Draw(page, image.Rect(60+i*230, y, 120+i*230, y+44), image.NewUniform(rgb(0xc9c9c9)), image.Point{}, draw.Src)
	}
	for y += 90; y < h-130; y += 60 {
		write(page, image.Rect(28, y, w-60-r.IntN(320), y+26), fmt.Sprintf("USER %03d: PLEASE SHARE", r.IntN(1000)), rgb(0x444466))
	}
	draw.Draw(page, image.Rect(0, h-90, w, h), image.NewUniform(rgb(0xe6e6e6)), image.Point{}, draw.Src)
	return page
}

// printed is a photo of the picture on paper: each corner of the sheet lies somewhat off, and light falls from one side.
func printed(img *image.RGBA, r *rand.Rand) *image.RGBA {
	const w, h = 1040, 860
	iw, ih := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	off := func() float64 { return 35 * (2*r.Float64() - 1) }
	// Where the corners of the picture come to lie, clockwise from the top left; the far edge is the shorter.
	to := [4]point{{210 + off(), 120 + off()}, {w - 210 + off(), 120 + off()}, {w - 120 + off(), h - 120 + off()}, {120 + off(), h - 120 + off()}}
	back := perspective(to, iw, ih)
	margin := 0.04 * iw // of the sheet, around the picture
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			u, v := back(float64(x), float64(y))
			var c color.RGBA
			switch {
			case u >= 0 && v >= 0 && u < iw-1 && v < ih-1:
				c = between(img, u, v)
			case u >= -margin && v >= -margin && u < iw+margin && v < ih+margin:
				c = rgb(0xf4f1e8)
			default:
				grain := int32(10*math.Sin(float64(y)/7+3*math.Sin(float64(x)/90))) + int32(r.IntN(5))
				c = color.RGBA{clamp(122 + grain), clamp(88 + grain), clamp(58 + grain), 255}
			}
			light := 0.82 + 0.2*float64(x)/w
			out.SetRGBA(x, y, color.RGBA{clamp(int32(light * float64(c.R))), clamp(int32(light * float64(c.G))), clamp(int32(light * float64(c.B))), 255})
		}
	}
	return out
}

// perspective maps points of the page back to those of a picture of w by h whose corners lie at the given places (Heckbert,
// Fundamentals of Texture Mapping, 1989, 2.2.3).
func perspective(to [4]point, w, h float64) func(x, y float64) (u, v float64) {
	dx1, dx2, dx3 := to[1].x-to[2].x, to[3].x-to[2].x, to[0].x-to[1].x+to[2].x-to[3].x
	dy1, dy2, dy3 := to[1].y-to[2].y, to[3].y-to[2].y, to[0].y-to[1].y+to[2].y-to[3].y
	det := dx1*dy2 - dx2*dy1
	g, k := (dx3*dy2-dx2*dy3)/det, (dx1*dy3-dx3*dy1)/det
	a, b, c := to[1].x-to[0].x+g*to[1].x, to[3].x-to[0].x+k*to[3].x, to[0].x
	d, e, f := to[1].y-to[0].y+g*to[1].y, to[3].y-to[0].y+k*to[3].y, to[0].y
	return func(x, y float64) (u, v float64) {
		// The adjugate of the matrix [a b c; d e f; g k 1].
		p, q, s := e-f*k, c*k-b, b*f-c*e
		l, m, n := f*g-d, a-c*g, c*d-a*f
		o, t, z := d*k-e*g, b*g-a*k, a*e-b*d
		z1 := o*x + t*y + z
		return w * (p*x + q*y + s) / z1, h * (l*x + m*y + n) / z1
	}
}

// between is the colour at a point between four pixels.
func between(img *image.RGBA, x, y float64) color.RGBA {
	i, j := int(x), int(y)
	fx, fy := x-float64(i), y-float64(j)
	at := func(i, j int) []uint8 { o := img.PixOffset(i, j); return img.Pix[o : o+3] }
	tl, tr, bl, br := at(i, j), at(i+1, j), at(i, j+1), at(i+1, j+1)
	var c [3]uint8
	for k := range c {
		c[k] = uint8((1-fy)*((1-fx)*float64(tl[k])+fx*float64(tr[k])) + fy*((1-fx)*float64(bl[k])+fx*float64(br[k])) + 0.5)
	}
	return color.RGBA{c[0], c[1], c[2], 255}
}

// write fills the box's height with one line of Latin text, cut at the box's right edge.
func write(dst *image.RGBA, box image.Rectangle, text string, ink color.Color) {
	face := basicfont.Face7x13
	line := image.NewAlpha(image.Rect(0, 0, face.Advance*len(text), face.Height))
	d := font.Drawer{Dst: line, Src: image.Opaque, Face: face, Dot: fixed.P(0, face.Ascent)}
	d.DrawString(text)
	w := min(box.Dx(), line.Rect.Dx()*box.Dy()/line.Rect.Dy())
	scaled := image.NewAlpha(image.Rect(0, 0, w, box.Dy()))
	xdraw.NearestNeighbor.Scale(scaled, scaled.Rect, line, image.Rect(0, 0, w*line.Rect.Dy()/box.Dy(), line.Rect.Dy()), draw.Src, nil)
	draw.DrawMask(dst, image.Rectangle{box.Min, box.Min.Add(scaled.Rect.Max)}, image.NewUniform(ink), image.Point{}, scaled, image.Point{}, draw.Over)
}
