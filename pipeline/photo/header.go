package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"time"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"xunqin/pipeline/photo/miniature"
)

// header is what a picture says of itself, read without decoding it.
type header struct {
	format      string
	w, h        int // as stored
	orientation int // as EXIF numbers them; 0 is 1
	exif        exif
	metadata    int   // bytes
	cost        int64 // bytes that decoding may hold at worst, the picture included
	decode      func(context.Context) (raster, error)
}

var (
	errTruncated = &Refused{Reason: Truncated}
	errCorrupt   = &Refused{Reason: Corrupt}
)

// inspect finds the format by content and walks the whole file by its own lengths, so that one that was cut off is known before
// anything is spent on it. A larger picture may be decoded to a long side of least pixels or more, where its format allows.
func inspect(b []byte, least int) (header, error) {
	is := func(magic string) bool { return bytes.HasPrefix(b, []byte(magic)) }
	switch {
	case is("\xff\xd8\xff"):
		return inspectJPEG(b, least)
	case is("\x89PNG\r\n\x1a\n"):
		return inspectPNG(b)
	case is("GIF87a"), is("GIF89a"):
		return inspectGIF(b)
	case is("RIFF") && len(b) >= 12 && string(b[8:12]) == "WEBP":
		return inspectWebP(b)
	case len(b) >= 12 && string(b[4:8]) == "ftyp":
		return inspectISO(b)
	case is("BM"):
		return inspectBMP(b)
	case is("II*\x00"), is("MM\x00*"):
		return inspectTIFF(b)
	}
	return header{}, &Refused{Reason: UnknownFormat}
}

// check holds the header against the limits.
func (h header) check() error {
	long, short := max(h.w, h.h), min(h.w, h.h)
	switch {
	case short < 1:
		return errCorrupt
	case long > MaxSide:
		return &Refused{Reason: TooWide}
	case h.w*h.h > MaxPixels:
		return &Refused{Reason: TooManyPixels}
	case long > short*MaxRatio:
		return &Refused{Reason: TooNarrow}
	case h.metadata > MaxMetadata:
		return &Refused{Reason: MetadataTooLarge}
	}
	return nil
}

// pixels may be called before check and must not overflow.
func (h header) pixels() int64 { return int64(h.w) * int64(h.h) }

// patience is the longest that decoding may take: several times what the slowest format needs on a busy machine, and little for a
// small picture: libaom is built here without its way out of an error, so a damaged AVIF may run on.
func (h header) patience() time.Duration {
	return min(MaxDeadline, 2*time.Second+time.Duration(h.pixels())*4*time.Microsecond)
}

func decoded(m image.Image, err error) (raster, error) {
	if err != nil {
		return raster{}, err
	}
	return rasterOf(m)
}

// unsupported reports whether a decoder says the picture may be sound but uses something the decoder does not know.
func unsupported(err error) bool {
	var m miniature.UnsupportedError
	var j jpeg.UnsupportedError
	var p png.UnsupportedError
	var t tiff.UnsupportedError
	return errors.As(err, &m) || errors.As(err, &j) || errors.As(err, &p) || errors.As(err, &t) || errors.Is(err, bmp.ErrUnsupported)
}

func inspectBMP(b []byte) (header, error) {
	// Two letters begin many a text. What follows them in a picture is the size of its file and of its second header.
	if len(b) < 18 {
		return header{}, errTruncated
	}
	if info := binary.LittleEndian.Uint32(b[14:]); info < 12 || info > 124 {
		return header{}, &Refused{Reason: UnknownFormat}
	}
	c, err := bmp.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return header{}, err
	}
	h := header{format: "bmp", w: c.Width, h: c.Height}
	h.cost = 4*h.pixels() + 1<<20
	h.decode = func(ctx context.Context) (raster, error) { return decoded(bmp.Decode(reader(ctx, b))) }
	return h, nil
}

func inspectTIFF(b []byte) (header, error) {
	c, err := tiff.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return header{}, err
	}
	h := header{format: "tiff", w: c.Width, h: c.Height, exif: readExif(b)}
	h.orientation, h.metadata = h.exif.orientation, h.exif.bytes
	// The decoder holds the picture, at 8 bytes a pixel at most, and one strip or tile unpacked, which may be the whole again.
	h.cost = 16*h.pixels() + int64(len(b)) + 16<<20
	h.decode = func(ctx context.Context) (raster, error) { return decoded(tiff.Decode(reader(ctx, b))) }
	return h, nil
}
