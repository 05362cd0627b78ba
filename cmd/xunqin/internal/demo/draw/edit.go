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
	Poster     Edit = "poster"     // on a page with a heading and lines of writing
)

// Near lists the edits that a comparison of whole-picture hashes finds.
func Near() []Edit { return []Edit{Recompress, Resize, Tone, Brightness, Caption} }

// Far lists the edits that take more than that to find.
func Far() []Edit { return []Edit{Mirror, Crop, Poster} }

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
	case Poster:
		return JPEG(poster(img, r), quality)
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
