// Package draw draws the pictures of the demonstration: street scenes of plain shapes with
// figures that have no faces, and the edits that pictures undergo when people pass them
// on. Nothing in them is taken from a photo.
//
// What is drawn follows from the seed alone.
package draw

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"math/bits"
	"math/rand/v2"

	"github.com/corona10/goimagehash"
)

// Apart is the least Hamming distance between the 64-bit perceptual hashes of any two
// pictures of an album, also if one of them is mirrored or turned by right angles.
// Unrelated photos are about 32 apart, most copies within 10.
const Apart = 16

// Album draws pictures that differ from each other. It is for one goroutine.
type Album struct {
	seed          uint64
	width, height int
	drawn         uint64
	hashes        []uint64
}

// NewAlbum returns an empty album of pictures of width x height pixels, about 4:3.
func NewAlbum(seed uint64, width, height int) *Album {
	return &Album{seed: seed, width: width, height: height}
}

// Next draws the next picture. It takes about 10 ms for a megapixel, and more the more
// pictures there are to differ from: one candidate in seven is dropped after 500.
func (a *Album) Next() *image.RGBA {
	for {
		img := scene(rand.New(rand.NewPCG(a.seed, a.drawn)), a.width, a.height)
		a.drawn++
		small := shrink(img)
		if turned := orientations(small); !a.near(turned) {
			a.hashes = append(a.hashes, turned[0])
			return img
		}
	}
}

func (a *Album) near(turned [8]uint64) bool {
	for _, other := range a.hashes {
		for _, h := range turned {
			if bits.OnesCount64(h^other) < Apart {
				return true
			}
		}
	}
	return false
}

// thumb is the side of the grey picture from which a hash is computed.
const thumb = 64

// shrink averages a picture down to the size that the hash wants. (The resize within
// goimagehash would take longer than drawing did.)
func shrink(img *image.RGBA) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, thumb, thumb))
	shrinkTo(out, img)
	return out
}

// shrinkTo fills out with the means of img's areas, from every other pixel of theirs.
func shrinkTo(out *image.Gray, img *image.RGBA) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	tw, th := out.Rect.Dx(), out.Rect.Dy()
	for y := range th {
		for x := range tw {
			sum, n := 0, 0
			for py := y * h / th; py < max((y+1)*h/th, y*h/th+1); py += 2 {
				for px := x * w / tw; px < max((x+1)*w/tw, x*w/tw+1); px += 2 {
					p := img.Pix[py*img.Stride+4*px:]
					sum += 299*int(p[0]) + 587*int(p[1]) + 114*int(p[2])
					n++
				}
			}
			out.Pix[y*out.Stride+x] = uint8(sum / n / 1000)
		}
	}
}

func hash(img *image.Gray) uint64 {
	h, err := goimagehash.PerceptionHash(img)
	if err != nil {
		panic(err) // there is no picture
	}
	return h.GetHash()
}

// orientations returns the hashes of a square picture as it is, then mirrored and turned.
func orientations(img *image.Gray) (hashes [8]uint64) {
	side := img.Rect.Dx()
	turned := image.NewGray(img.Rect)
	for i := range hashes {
		for y := range side {
			for x := range side {
				sx, sy := x, y
				if i&1 != 0 {
					sx = side - 1 - sx
				}
				if i&2 != 0 {
					sy = side - 1 - sy
				}
				if i&4 != 0 {
					sx, sy = sy, sx
				}
				turned.Pix[y*turned.Stride+x] = img.Pix[sy*img.Stride+sx]
			}
		}
		hashes[i] = hash(turned)
	}
	return hashes
}

// Decode returns a picture that JPEG encoded, or an edit of it. Other bytes make it panic.
func Decode(b []byte) *image.RGBA {
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		panic(fmt.Sprintf("decode a drawn picture: %v", err))
	}
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	return out
}

// JPEG encodes a picture.
func JPEG(img image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		panic(fmt.Sprintf("encode a drawn picture: %v", err)) // a buffer takes everything
	}
	return b.Bytes()
}
