package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"

	"xunqin/pipeline/photo/miniature"
)

// maxScans is more than any encoder writes (a progressive file has about ten). A scan may cost a pass over the whole picture and
// take a handful of bytes, so thousands of them are an attack.
const maxScans = 100

// inspectJPEG walks the segments and scans to the end of the image. Whatever follows it (a phone's film, a second picture) is
// not looked at. Most are decoded at the smallest scale that leaves their long side least pixels; CMYK, RGB and what else is rare
// by image/jpeg.
func inspectJPEG(b []byte, least int) (header, error) {
	h := header{format: "jpeg"}
	var frame jpegFrame
	scans, scanned := 0, map[byte]bool{}
	at := 2
	for {
		// To the next marker. Stray bytes before one are passed over, as every decoder does.
		i := bytes.IndexByte(b[at:], 0xff)
		if i < 0 || at+i+1 >= len(b) {
			return h, errTruncated
		}
		at += i + 1
		marker := b[at]
		if marker == 0xff {
			continue // a fill byte: the next one decides
		}
		at++
		if marker == 0xd9 { // end of image
			break
		}
		if marker == 0 || marker == 0x01 || marker >= 0xd0 && marker <= 0xd8 { // data of a scan, or a marker without length
			continue
		}
		if at+2 > len(b) {
			return h, errTruncated
		}
		n := int(binary.BigEndian.Uint16(b[at:]))
		if n < 2 {
			return h, errCorrupt
		}
		if at+n > len(b) {
			return h, errTruncated
		}
		body := b[at+2 : at+n]
		at += n
		switch {
		case marker >= 0xe0 && marker <= 0xef || marker == 0xfe: // application data, comment
			h.metadata += n + 2
			switch {
			case marker == 0xe0 && bytes.HasPrefix(body, []byte("JFIF\x00")):
				frame.jfif = true
			case marker == 0xee && bytes.HasPrefix(body, []byte("Adobe")):
				frame.adobe = true
			case marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) && h.exif == (exif{}):
				h.exif = readExif(body[6:])
				h.orientation = h.exif.orientation
			}
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc: // frame
			if marker > 0xc2 {
				return h, &Refused{Reason: Unsupported} // lossless, hierarchical or arithmetic
			}
			if frame.components != nil || len(body) < 6 || len(body) != 6+3*int(body[5]) {
				return h, errCorrupt
			}
			frame.progressive = marker == 0xc2
			h.h, h.w = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
			frame.components = body[6:]
		case marker == 0xda: // scan
			if scans++; scans > maxScans || len(body) < 1 || len(body) < 1+2*int(body[0]) {
				return h, errCorrupt
			}
			for i := range int(body[0]) {
				scanned[body[1+2*i]] = true
			}
		}
	}
	if frame.components == nil {
		return h, errCorrupt
	}
	for i := 0; i < len(frame.components); i += 3 {
		if !scanned[frame.components[i]] {
			return h, errTruncated
		}
	}
	var other miniature.UnsupportedError
	file, err := miniature.Open(b)
	switch {
	case errors.As(err, &other):
		h.cost = frame.cost(h.w, h.h)
		h.decode = func(ctx context.Context) (raster, error) { return decoded(jpeg.Decode(reader(ctx, b))) }
	case err != nil:
		return h, err
	default:
		o := miniature.Options{Scale: miniature.Leaving(least, h.w, h.h)}
		h.cost = file.Bytes(o) + 1<<20
		h.decode = func(ctx context.Context) (raster, error) {
			m, err := decoded(file.Decode(ctx, o))
			m.of = image.Pt(h.w, h.h)
			return m, err
		}
	}
	return h, nil
}

type jpegFrame struct {
	progressive, jfif, adobe bool
	components               []byte // three bytes each: name, sampling factors, table
}

// cost is of image/jpeg. It counts the planes, padded to whole units, four bytes more a coefficient when they are kept between scans, and four bytes
// a pixel where the decoder makes a second picture of the planes: always of four components, of three when they may be RGB.
func (f jpegFrame) cost(w, h int) int64 {
	var across, down, blocks int64 = 1, 1, 0
	for i := 0; i < len(f.components); i += 3 {
		x, y := int64(f.components[i+1]>>4), int64(f.components[i+1]&15)
		across, down = max(across, x), max(down, y)
		blocks += x * y
	}
	units := (int64(w) + 8*across - 1) / (8 * across) * ((int64(h) + 8*down - 1) / (8 * down))
	cost := units * blocks * 64
	if f.progressive {
		cost *= 5
	}
	if n := len(f.components) / 3; n == 4 || n == 3 && !f.jfif {
		cost += 4 * int64(w) * int64(h)
	}
	return cost + 1<<20
}
