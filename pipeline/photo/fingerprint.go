package photo

import (
	"encoding/binary"
	"image"
	"image/draw"
	"slices"

	"github.com/corona10/goimagehash"

	"xunqin/search"
)

// Algorithms of fingerprints, with their versions. A version changes when any stored bit could: old and new are never compared.
//
// Both are made of the same 64x64 grey: the luma of the upright picture on white, shrunk with exact area means first to
// DerivativeSide and then to 64x64, whatever its shape. Of a larger JPEG the decoder may take the means of 2x2, 4x4 or 8x8 pixels.
const (
	// Perception is goimagehash's 64-bit PerceptionHash, most significant byte first. It is quick to look up and alone not safe:
	// at distance 10, about seven unrelated pairs in ten million are this close.
	Perception = "phash64/2"
	// Transform is the sign of 256 low frequencies of one discrete cosine transform against their median, in integers.
	Transform = "dct256/2"
)

// MinSide is the shortest side, in pixels, of a picture that is compared with others.
const MinSide = 64

// A Fingerprint is a perceptual hash of a part of a picture, as the index takes it.
type Fingerprint = search.Fingerprint

// Fingerprints returns the fingerprints of a picture that is already decoded and upright, by the same way as Prepare: of the
// whole, and of the middle square unless that is the whole. A part that is flat has none, and neither has a tiny picture.
func Fingerprints(m image.Image) []Fingerprint {
	if b := m.Bounds(); min(b.Dx(), b.Dy()) < MinSide {
		return nil
	}
	r, err := rasterOf(m)
	if err != nil {
		plain := image.NewNRGBA(image.Rectangle{Max: m.Bounds().Size()})
		draw.Draw(plain, plain.Rect, m, m.Bounds().Min, draw.Src)
		if r, err = rasterOf(plain); err != nil {
			return nil
		}
	}
	return fingerprints(luma(r.small(DerivativeSide, 1)), m.Bounds().Size())
}

// fingerprints takes the small picture's luma and the size of the picture it was made from.
func fingerprints(p plane, size image.Point) []Fingerprint {
	all := fingerprint(nil, p.scaled(greySide, greySide), image.Rectangle{Max: size})
	square := middle(p.w, p.h)
	if square == image.Rect(0, 0, p.w, p.h) {
		return all
	}
	part := image.Rect(
		square.Min.X*size.X/p.w, square.Min.Y*size.Y/p.h,
		(square.Max.X*size.X+p.w-1)/p.w, (square.Max.Y*size.Y+p.h-1)/p.h,
	)
	cut := p.part(square.Min.X, square.Min.Y, square.Dx(), square.Dy())
	return fingerprint(all, cut.scaled(greySide, greySide), part)
}

// middle returns the middle square of a picture, one pixel longer along the long side where it could not lie in the middle
// otherwise: a flipped picture must have the flipped square.
func middle(w, h int) image.Rectangle {
	side := min(w, h)
	sw, sh := side+(w-side)%2, side+(h-side)%2
	return image.Rect(0, 0, sw, sh).Add(image.Pt((w-sw)/2, (h-sh)/2))
}

// greySide is the size of the grey picture both hashes are made of. goimagehash takes it as it is: its own scaling, which costs
// ten times as much on a large picture and goes wrong on an empty or shifted one, never runs.
const greySide = 64

func fingerprint(to []Fingerprint, grey plane, part image.Rectangle) []Fingerprint {
	if detail(grey) < minDetail {
		return to
	}
	f := transform(grey)
	if f.typical() < minTypical {
		return to
	}
	to = append(to, Fingerprint{Algo: Transform, Bits: f.bits(), Part: part})
	hash, err := goimagehash.PerceptionHash(&image.Gray{Pix: grey.pix, Stride: greySide, Rect: image.Rect(0, 0, greySide, greySide)})
	if err != nil {
		return to // it fails on a nil picture only
	}
	return append(to, Fingerprint{Algo: Perception, Bits: binary.BigEndian.AppendUint64(nil, hash.GetHash()), Part: part})
}

// A part of a picture is flat, and has no fingerprint, when it has too little detail, or when its frequencies are so weak that
// its bits are made by rounding: a wall, a fade, one line of text on a page. Of 1,653 photos the least detailed has 28, and
// all but three (a grain of wood twice, and stripes) have typical frequencies over 140; rounding alone makes about 6.
const (
	minDetail  = 20
	minTypical = 16
)

// detail measures how much there is to tell a picture by, from 0 to 100: the steps between neighbouring pixels of the grey, as
// PDQ does it. Steps under 1 % count as none, so that noise does not make a wall a picture.
func detail(grey plane) int {
	sum := 0
	step := func(a, b byte) {
		sum += max(int(a)-int(b), int(b)-int(a)) * 100 / 255
	}
	for y := range grey.h {
		for x := range grey.w {
			if x > 0 {
				step(grey.pix[y*grey.w+x], grey.pix[y*grey.w+x-1])
			}
			if y > 0 {
				step(grey.pix[y*grey.w+x], grey.pix[(y-1)*grey.w+x])
			}
		}
	}
	return min(100, sum/90)
}

// frequencies is how many of the lowest frequencies are used each way, the constant one left out.
const frequencies = 16

// spectrum is the strength of 16x16 frequencies, row by row.
type spectrum [frequencies * frequencies]int64

// transform returns the lowest frequencies of a grey picture. Flipping or turning the picture only changes their signs and order,
// exactly.
func transform(grey plane) *spectrum {
	var basis [frequencies][greySide]int64
	for u := range basis {
		for x := range basis[u] {
			basis[u][x] = cosine((2*x + 1) * (u + 1))
		}
	}
	var half [frequencies][greySide]int64 // each row transformed
	for y := range greySide {
		row := grey.row(y)
		for u := range basis {
			var sum int64
			for x, v := range row {
				sum += int64(v) * basis[u][x]
			}
			half[u][y] = sum
		}
	}
	var all spectrum
	for v := range basis {
		for u := range half {
			var sum int64
			for y, f := range half[u] {
				sum += f * basis[v][y]
			}
			all[v*frequencies+u] = sum
		}
	}
	return &all
}

// typical returns the median strength whatever the sign, in steps of grey times the cosines' sums.
func (s *spectrum) typical() int64 {
	strength := *s
	for i, f := range strength {
		strength[i] = max(f, -f)
	}
	slices.Sort(strength[:])
	return strength[len(strength)/2] >> 30
}

// bits returns for each frequency whether it is above the median of all, most significant bit first.
func (s *spectrum) bits() []byte {
	sorted := *s
	slices.Sort(sorted[:])
	median := sorted[len(sorted)/2-1]
	out := make([]byte, len(s)/8)
	for i, f := range s {
		if f > median {
			out[i/8] |= 0x80 >> (i % 8)
		}
	}
	return out
}

// cosine returns cos(i*pi/128) times 2^15, rounded, from a table of its first quarter: an odd or even symmetry that holds
// exactly, on every machine.
func cosine(i int) int64 {
	i %= 4 * greySide
	if i > 2*greySide {
		i = 4*greySide - i
	}
	if i > greySide {
		return -int64(quarter[2*greySide-i])
	}
	return int64(quarter[i])
}

var quarter = [greySide + 1]uint16{
	32768, 32758, 32729, 32679, 32610, 32522, 32413, 32286, 32138, 31972, 31786, 31581,
	31357, 31114, 30853, 30572, 30274, 29957, 29622, 29269, 28899, 28511, 28106, 27684,
	27246, 26791, 26320, 25833, 25330, 24812, 24279, 23732, 23170, 22595, 22006, 21403,
	20788, 20160, 19520, 18868, 18205, 17531, 16846, 16151, 15447, 14733, 14010, 13279,
	12540, 11793, 11039, 10279, 9512, 8740, 7962, 7180, 6393, 5602, 4808, 4011,
	3212, 2411, 1608, 804, 0,
}
