package made

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
)

// turn turns a picture and enlarges the page so that all of it is seen.
func turn(m *image.RGBA, degrees float64, paper color.RGBA) *image.RGBA {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	page := plain(image.Pt(int(math.Round(math.Abs(w*cos)+math.Abs(h*sin))), int(math.Round(math.Abs(w*sin)+math.Abs(h*cos)))), paper)
	pw, ph := float64(page.Rect.Dx()), float64(page.Rect.Dy())
	lay(page, m, func(x, y float64) (float64, float64) {
		x, y = x-pw/2, y-ph/2
		return x*cos + y*sin + w/2, y*cos - x*sin + h/2
	})
	return page
}

// straightened turns a picture and cuts out the largest upright part without corners of the page.
func straightened(m *image.RGBA, degrees float64) *image.RGBA {
	w, h := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	sin, cos := math.Sincos(math.Abs(degrees) * math.Pi / 180)
	both := cos*cos - sin*sin
	iw, ih := (w*cos-h*sin)/both, (h*cos-w*sin)/both
	t := turn(m, degrees, grey(0))
	cx, cy := float64(t.Rect.Dx())/2, float64(t.Rect.Dy())/2
	return copied(t.SubImage(image.Rect(int(cx-iw/2)+1, int(cy-ih/2)+1, int(cx+iw/2)-1, int(cy+ih/2)-1)).(*image.RGBA))
}

// slanted lays a picture seen at an angle on a ground: each corner is moved by up to so much of the sides.
func slanted(r *rand.Rand, m *image.RGBA, by float64, ground *image.RGBA) *image.RGBA {
	const margin = 0.12
	w, h := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	page := covering(ground, image.Pt(int(w*(1+2*margin)), int(h*(1+2*margin))))
	var corners [4][2]float64
	for i, c := range [4][2]float64{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
		corners[i] = [2]float64{(c[0] + margin + between(r, -by, by)) * w, (c[1] + margin + between(r, -by, by)) * h}
	}
	back := inverse(quad(corners))
	lay(page, m, func(x, y float64) (float64, float64) {
		u, v, k := back[0]*x+back[1]*y+back[2], back[3]*x+back[4]*y+back[5], back[6]*x+back[7]*y+back[8]
		return u / k * w, v / k * h
	})
	return page
}

// quad returns the projection of the unit square on four corners (Heckbert, 1989).
func quad(c [4][2]float64) [9]float64 {
	dx1, dx2, sx := c[1][0]-c[2][0], c[3][0]-c[2][0], c[0][0]-c[1][0]+c[2][0]-c[3][0]
	dy1, dy2, sy := c[1][1]-c[2][1], c[3][1]-c[2][1], c[0][1]-c[1][1]+c[2][1]-c[3][1]
	det := dx1*dy2 - dx2*dy1
	g, h := (sx*dy2-dx2*sy)/det, (dx1*sy-sx*dy1)/det
	return [9]float64{
		c[1][0] - c[0][0] + g*c[1][0], c[3][0] - c[0][0] + h*c[3][0], c[0][0],
		c[1][1] - c[0][1] + g*c[1][1], c[3][1] - c[0][1] + h*c[3][1], c[0][1],
		g, h, 1,
	}
}

// inverse returns the inverse of a projection, but for its scale, which is none of a projection's.
func inverse(m [9]float64) [9]float64 {
	return [9]float64{
		m[4]*m[8] - m[5]*m[7], m[2]*m[7] - m[1]*m[8], m[1]*m[5] - m[2]*m[4],
		m[5]*m[6] - m[3]*m[8], m[0]*m[8] - m[2]*m[6], m[2]*m[3] - m[0]*m[5],
		m[3]*m[7] - m[4]*m[6], m[1]*m[6] - m[0]*m[7], m[0]*m[4] - m[1]*m[3],
	}
}

// lay draws a picture on a page; back says which point of the picture is seen at a point of the page. Where a pixel of the page
// covers more than one of the picture, it takes one between four: sizes hardly differ here.
func lay(page, m *image.RGBA, back func(x, y float64) (float64, float64)) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for y := range page.Rect.Dy() {
		for x := range page.Rect.Dx() {
			u, v := back(float64(x)+0.5, float64(y)+0.5)
			u, v = u-0.5, v-0.5
			if u < -0.5 || v < -0.5 || u > float64(w)-0.5 || v > float64(h)-0.5 {
				continue
			}
			u, v = max(0, min(u, float64(w-1))), max(0, min(v, float64(h-1)))
			x0, y0 := int(u), int(v)
			fx, fy := float32(u-float64(x0)), float32(v-float64(y0))
			x1, y1 := min(x0+1, w-1), min(y0+1, h-1)
			a, b := m.Pix[y0*m.Stride+4*x0:][:3], m.Pix[y0*m.Stride+4*x1:][:3]
			c, d := m.Pix[y1*m.Stride+4*x0:][:3], m.Pix[y1*m.Stride+4*x1:][:3]
			out := page.Pix[y*page.Stride+4*x:][:3]
			for i := range out {
				top := float32(a[i]) + fx*(float32(b[i])-float32(a[i]))
				low := float32(c[i]) + fx*(float32(d[i])-float32(c[i]))
				out[i] = clamp(top + fy*(low-top))
			}
		}
	}
}

// Opaque returns any picture as one of this package's.
func Opaque(m image.Image) *image.RGBA {
	out := plain(m.Bounds().Size(), grey(255))
	draw.Draw(out, out.Rect, m, m.Bounds().Min, draw.Over)
	return out
}
