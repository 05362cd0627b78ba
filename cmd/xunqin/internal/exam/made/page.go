package made

import (
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"

	xdraw "golang.org/x/image/draw"
)

// Layouts are the pages that different photos are put on: a poster, a frame around a photo, a post on the screen of a phone.
func Layouts() []string { return []string{"poster", "frame", "screenshot"} }

// Layout puts a picture on the page of the given kind and seed. The picture is cut to the page's opening, so that pages of one
// seed differ in their photos alone, and on a poster and a screenshot in a line or two of writing.
func Layout(kind string, seed uint64, m *image.RGBA) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 7))
	own := rand.New(rand.NewPCG(seed, uint64(m.Pix[len(m.Pix)/2])<<32|uint64(m.Pix[len(m.Pix)/3])<<16|uint64(m.Pix[len(m.Pix)/5])))
	switch kind {
	case "poster":
		return posterPage(r, own, 900, 1150+r.IntN(200), func(size image.Point) *image.RGBA { return covering(m, size) }, 0.36+0.08*r.Float64(), 1.1+0.4*r.Float64())
	case "frame":
		return framePage(r, m)
	}
	page, at := screenPage(r, own, image.Pt(640, 380+r.IntN(160)))
	draw.Draw(page, at, covering(m, at.Size()), image.Point{}, draw.Src)
	return page
}

// posterPage is a poster whose opening has the given part of its area and width to height; photo is asked for a picture of at most
// that size. r decides about the layout and own about the words of this poster alone.
func posterPage(r, own *rand.Rand, w, h int, photo func(image.Point) *image.RGBA, part, wide float64) *image.RGBA {
	page := image.NewRGBA(image.Rect(0, 0, w, h))
	papers := []color.RGBA{grey(255), {255, 244, 200, 255}, {250, 225, 225, 255}, {190, 20, 25, 255}}
	paper := papers[r.IntN(len(papers))]
	title, ink := color.RGBA{160, 0, 0, 255}, grey(20)
	if paper.G < 100 {
		title, ink = grey(255), grey(255)
	}
	fill(page, page.Rect, paper)
	write(page, image.Rect(w/8, h*2/100, w*7/8, h*2/100+h*65/1000), words(r, 4+r.IntN(5)), title)
	write(page, image.Rect(w/6, h*105/1000, w*5/6, h*105/1000+h*32/1000), words(r, 12), ink)
	area := part * float64(w*h)
	size := image.Pt(min(w*92/100, root(area*wide)), min(h*72/100, root(area/wide)))
	m := photo(size)
	at := m.Rect.Add(image.Pt((w-m.Rect.Dx())/2, h*15/100))
	draw.Draw(page, at, m, image.Point{}, draw.Src)
	y := at.Max.Y + h*15/1000
	for i := 0; y < h*95/100 && i < 6; i++ {
		of := r
		if i == 1 || i == 3 { // a name, an age
			of = own
		}
		write(page, image.Rect(w*6/100, y, w*94/100, y+h*3/100), words(of, 8+of.IntN(14)), ink)
		y += h * 42 / 1000
	}
	return page
}

// framePage is a square with a border, a badge and a band, as campaigns put them around a photo.
func framePage(r *rand.Rand, m *image.RGBA) *image.RGBA {
	const side = 800
	page := image.NewRGBA(image.Rect(0, 0, side, side))
	border := 30 + r.IntN(50)
	band := side*78/100 + r.IntN(60)
	fill(page, page.Rect, colourful(r))
	inner := page.Rect.Inset(border)
	draw.Draw(page, inner, covering(m, inner.Size()), image.Point{}, draw.Src)
	paper := colourful(r)
	ink := grey(255)
	if int(paper.R)+int(paper.G)+int(paper.B) > 400 {
		ink = grey(10)
	}
	fill(page, image.Rect(0, band, side, side), paper)
	write(page, image.Rect(40, band+15, side-40, band+75), words(r, 9), ink)
	write(page, image.Rect(60, band+90, side-60, band+115), words(r, 20), ink)
	badge := image.Rect(border+15, border+15, border+135, border+135)
	fill(page, badge, paper)
	write(page, badge.Inset(15), words(r, 2), ink)
	return page
}

// screenPage is a post on the screen of a phone with an opening for a picture of at most the given size.
func screenPage(r, own *rand.Rand, size image.Point) (*image.RGBA, image.Rectangle) {
	w, h := 720, []int{1280, 1440, 1560}[r.IntN(3)]
	page := image.NewRGBA(image.Rect(0, 0, w, h))
	paper, ink, faint, bar := grey(255), grey(20), grey(140), grey(235)
	if r.Float64() < 0.3 {
		paper, ink, faint, bar = grey(18), grey(235), grey(130), grey(40)
	}
	fill(page, page.Rect, paper)
	write(page, image.Rect(24, 10, 110, 34), words(r, 4), ink)
	fill(page, image.Rect(640, 14, 690, 34), ink)
	write(page, image.Rect(290, 44, 440, 78), words(r, 4), ink)
	fill(page, image.Rect(0, 110, w, 111), faint)
	disc(page, 59, 165, 35, colourful(own))
	write(page, image.Rect(112, 136, 360, 164), words(own, 6), color.RGBA{230, 90, 30, 255})
	write(page, image.Rect(112, 172, 460, 192), words(r, 12), faint)
	y := 220
	for range 1 + r.IntN(3) {
		write(page, image.Rect(24, y, w-24, y+28), words(own, 18), ink)
		y += 42
	}
	at := image.Rectangle{Max: size}.Add(image.Pt(24, y+8))
	y = at.Max.Y + 30
	for i := range 3 {
		write(page, image.Rect(70+240*i, y, 170+240*i, y+24), words(r, 4), faint)
	}
	for y += 60; y < h-120; y += 70 {
		disc(page, 44, y+20, 20, faint)
		write(page, image.Rect(80, y+6, 560, y+30), words(r, 10+r.IntN(6)), ink)
	}
	fill(page, image.Rect(0, h-80, w, h), bar)
	return page, at
}

// alphabet is how many characters there are; the same ones turn up on every page, as on real ones.
const alphabet = 600

// words returns n characters.
func words(r *rand.Rand, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = r.IntN(alphabet)
	}
	return out
}

// write fills a box with a line of characters: strokes in a square, some across, some down, as in no writing there is. A line
// too long is set smaller.
func write(m *image.RGBA, box image.Rectangle, text []int, ink color.RGBA) {
	side := min(box.Dy(), box.Dx()/max(1, len(text)))
	if side < 4 {
		return
	}
	at := image.Pt(box.Min.X, box.Min.Y+(box.Dy()-side)/2)
	for _, c := range text {
		r := rand.New(rand.NewPCG(uint64(c), 3))
		thick := max(1, side/11)
		inner := image.Rect(0, 0, side, side).Add(at).Inset(side / 14)
		n := max(1, inner.Dx())
		for range 2 + r.IntN(3) {
			y, from := r.IntN(n), r.IntN(n/2+1)
			fill(m, image.Rect(from, y, n/2+r.IntN(n/2+1), y+thick).Add(inner.Min).Intersect(inner), ink)
		}
		for range 1 + r.IntN(3) {
			x, from := r.IntN(n), r.IntN(n/2+1)
			fill(m, image.Rect(x, from, x+thick, n/2+r.IntN(n/2+1)).Add(inner.Min).Intersect(inner), ink)
		}
		for range r.IntN(3) {
			x, y, lean := r.IntN(n), r.IntN(n), 1-2*r.IntN(2)
			for i := range n / 2 {
				fill(m, image.Rect(x+lean*i, y+i, x+lean*i+thick, y+i+thick).Add(inner.Min).Intersect(inner), ink)
			}
		}
		at.X += side
	}
}

func fill(m *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func disc(m *image.RGBA, x, y, radius int, c color.RGBA) {
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			if dx*dx+dy*dy <= radius*radius {
				m.SetRGBA(x+dx, y+dy, c)
			}
		}
	}
}

// resized returns the picture at another size.
func resized(m *image.RGBA, size image.Point) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: size})
	xdraw.BiLinear.Scale(out, out.Rect, m, m.Rect, draw.Src, nil)
	return out
}

// within returns the picture as large as it can be without being larger than size.
func within(m *image.RGBA, size image.Point) *image.RGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if size.X*h < size.Y*w {
		return resized(m, image.Pt(size.X, max(1, h*size.X/w)))
	}
	return resized(m, image.Pt(max(1, w*size.Y/h), size.Y))
}

// covering returns the middle of the picture, cut to the shape of size and as large.
func covering(m *image.RGBA, size image.Point) *image.RGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cw, ch := w, max(1, w*size.Y/size.X)
	if ch > h {
		cw, ch = max(1, h*size.X/size.Y), h
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	xdraw.BiLinear.Scale(out, out.Rect, m, image.Rect(0, 0, cw, ch).Add(m.Rect.Min).Add(image.Pt((w-cw)/2, (h-ch)/2)), draw.Src, nil)
	return out
}
