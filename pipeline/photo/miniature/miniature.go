package miniature

import (
	"context"
	"image"
)

// A Scale is by how much a picture is made smaller: each side to 1/2^Scale of its pixels, rounded up.
type Scale uint8

// The scales.
const (
	Whole Scale = iota
	Half
	Quarter
	Eighth
)

// Of returns the length of a side of n pixels at the scale.
func (s Scale) Of(n int) int { return (n + 1<<s - 1) >> s }

// Leaving returns the smallest scale at which the longer of two sides still has least pixels.
func Leaving(least, w, h int) Scale {
	s := Eighth
	for s > Whole && s.Of(max(w, h)) < least {
		s--
	}
	return s
}

// MaxPasses is how many times the blocks of a picture may be visited on average, by all of its scans together, before it is
// refused. An encoder needs about seven passes; a scan may cost a pass and take a handful of bytes.
const MaxPasses = 32

// Errors. A file that ends too soon is io.ErrUnexpectedEOF.
type (
	// FormatError says that the file is damaged or no JPEG.
	FormatError string
	// UnsupportedError says that the file may be sound but is of a kind that is not read here.
	UnsupportedError string
	// LimitError says that decoding would take more than it may.
	LimitError string
)

func (e FormatError) Error() string      { return "jpeg: " + string(e) }
func (e UnsupportedError) Error() string { return "jpeg: unsupported " + string(e) }
func (e LimitError) Error() string       { return "jpeg: " + string(e) }

// Options say what is to be decoded. The zero value is all of it, without limits on memory.
type Options struct {
	Scale Scale
	Luma  bool  // make an image.Gray, without the colours
	Bytes int64 // the most that decoding may hold, as File.Bytes counts it; 0 is no limit
}

// A File is a JPEG whose header was read.
type File struct {
	Width, Height int // of the whole picture
	Progressive   bool

	b          []byte
	components []component
}

// Open reads what comes before the first scan of a JPEG. The file must not be changed as long as the result is used.
func Open(b []byte) (*File, error) {
	d := decoder{b: b}
	if err := d.segments(context.Background(), true); err != nil {
		return nil, err
	}
	return &File{d.width, d.height, d.progressive, b, d.components}, nil
}

// Bytes returns how many bytes Decode will hold at most, its result included: the planes of the result, padded to whole units, and
// of a progressive picture the coefficients that the scale needs.
func (f *File) Bytes(o Options) int64 {
	n := int64(128 << 10) // tables, and what the allocator adds
	for i, c := range f.components {
		blocks := int64(c.stride) * int64(c.rows)
		wanted := i == 0 || !o.Luma
		if wanted {
			n += blocks * int64(o.Scale.pixels())
		}
		if f.Progressive {
			n += 8 * blocks
			if wanted {
				n += 2 * blocks * int64(o.Scale.coefficients())
			}
		}
	}
	return n
}

// Decode returns the picture as an *image.YCbCr, sampled as the file is, or as an *image.Gray. It ends with the error of ctx
// soon after that is over.
func (f *File) Decode(ctx context.Context, o Options) (image.Image, error) {
	if o.Scale > Eighth {
		return nil, UnsupportedError("scale")
	}
	if o.Bytes > 0 && f.Bytes(o) > o.Bytes {
		return nil, LimitError("more memory than allowed")
	}
	d := decoder{b: f.b, options: o}
	if err := d.segments(ctx, false); err != nil {
		return nil, err
	}
	return d.image(), nil
}
