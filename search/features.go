package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math"
)

// OrientedBinary names local features of 256 bits: oriented corners of a pyramid with a step of 1.2, each with the signs of 256
// differences around it. A version changes when any stored bit could.
const OrientedBinary = "orb256/2"

// A Point is one local feature of a picture: where it is, how it lies, how large it is and what it looks like.
type Point struct {
	X, Y  uint16   // in eighths of a pixel of the picture that Features.W and H measure
	Angle uint8    // 256 to a full turn, from right to down
	Level uint8    // size: 1.2 to this power
	Desc  [32]byte // compared by Hamming distance
}

// Features are the local features of a picture or of a part of it, best first: the first of them stand for all, if fewer must do.
type Features struct {
	Algo   string          // features of two methods are never compared
	Part   image.Rectangle // what they cover, in pixels of the whole upright picture
	W, H   uint16          // size in pixels of the scaled copy of Part they were found in
	Points []Point
}

// MaxPoints is the most points that Features may hold.
const MaxPoints = 4096

const (
	featuresVersion = 1
	pointBytes      = 2 + 2 + 1 + 1 + 32
)

// Check reports what makes f unfit to be stored or compared.
func (f Features) Check() error {
	switch {
	case f.Algo == "" || len(f.Algo) > 64:
		return fmt.Errorf("search: features of method %.70q", f.Algo)
	case len(f.Points) > MaxPoints:
		return fmt.Errorf("search: %d features, at most %d", len(f.Points), MaxPoints)
	case f.Part.Min.X < 0 || f.Part.Min.Y < 0 || f.Part.Max.X > math.MaxInt32 || f.Part.Max.Y > math.MaxInt32,
		f.Part.Min.X > f.Part.Max.X || f.Part.Min.Y > f.Part.Max.Y:
		return fmt.Errorf("search: features of %v", f.Part)
	}
	return nil
}

// AppendBinary appends f to b: 38 bytes a point and some twenty more, so 250 points take 9.5 kB.
func (f Features) AppendBinary(b []byte) ([]byte, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	b = append(b, featuresVersion, byte(len(f.Algo)))
	b = append(b, f.Algo...)
	for _, v := range []int{f.Part.Min.X, f.Part.Min.Y, f.Part.Dx(), f.Part.Dy(), int(f.W), int(f.H), len(f.Points)} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	for _, p := range f.Points {
		b = binary.LittleEndian.AppendUint16(b, p.X)
		b = binary.LittleEndian.AppendUint16(b, p.Y)
		b = append(b, p.Angle, p.Level)
		b = append(b, p.Desc[:]...)
	}
	return b, nil
}

// MarshalBinary is AppendBinary to nothing.
func (f Features) MarshalBinary() ([]byte, error) { return f.AppendBinary(nil) }

var errFeatures = errors.New("search: stored features are damaged")

// UnmarshalBinary reads exactly what MarshalBinary wrote; it refuses everything else, allocating no more than four times what it
// was given.
func (f *Features) UnmarshalBinary(b []byte) error {
	if len(b) < 2 || b[0] != featuresVersion || len(b) < 2+int(b[1]) {
		return errFeatures
	}
	name := 2 + int(b[1])
	out := Features{Algo: string(b[2:name])}
	b = b[name:]
	var v [7]int
	for i := range v {
		u, n := binary.Uvarint(b)
		if n <= 0 || u > math.MaxInt32 || n > 1 && b[n-1] == 0 { // one way only to write a number
			return errFeatures
		}
		v[i], b = int(u), b[n:]
	}
	out.Part = image.Rect(v[0], v[1], v[0]+v[2], v[1]+v[3])
	if v[4] > math.MaxUint16 || v[5] > math.MaxUint16 || len(b)%pointBytes != 0 || len(b)/pointBytes != v[6] {
		return errFeatures
	}
	out.W, out.H = uint16(v[4]), uint16(v[5])
	if v[6] > 0 {
		out.Points = make([]Point, v[6])
	}
	for i := range out.Points {
		p := b[i*pointBytes:][:pointBytes]
		out.Points[i] = Point{
			X: binary.LittleEndian.Uint16(p), Y: binary.LittleEndian.Uint16(p[2:]),
			Angle: p[4], Level: p[5], Desc: [32]byte(p[6:]),
		}
	}
	if out.Check() != nil {
		return errFeatures
	}
	*f = out
	return nil
}
