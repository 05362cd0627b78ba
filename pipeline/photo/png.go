package photo

import (
	"context"
	"encoding/binary"
	"image/png"
)

// inspectPNG walks the chunks. The animation of an APNG lies in chunks of its own, which the decoder passes over: what it
// decodes is the first frame, or the picture meant for those that cannot show animations.
func inspectPNG(b []byte) (header, error) {
	h := header{format: "png"}
	var deep, alpha, palette, interlaced, seen bool
	for at := 8; ; {
		if at+12 > len(b) {
			return h, errTruncated
		}
		n := int64(binary.BigEndian.Uint32(b[at:]))
		if n > int64(len(b)-at-12) {
			return h, errTruncated
		}
		kind, body := string(b[at+4:at+8]), b[at+8:at+8+int(n)]
		at += int(n) + 12
		if kind == "IEND" {
			break
		}
		switch kind {
		case "IHDR":
			if seen || len(body) != 13 {
				return h, errCorrupt
			}
			seen = true
			w, t := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
			if w > 1<<31-1 || t > 1<<31-1 {
				return h, errCorrupt
			}
			h.w, h.h = int(w), int(t)
			deep, palette = body[8] == 16, body[9] == 3
			alpha = body[9]&4 != 0
			interlaced = body[12] != 0
		case "tRNS":
			alpha = true
		case "eXIf":
			h.exif = readExif(body)
			h.orientation = h.exif.orientation
			h.metadata += int(n) + 12
		case "PLTE", "IDAT", "acTL", "fcTL", "fdAT":
		default:
			h.metadata += int(n) + 12
		}
	}
	if !seen {
		return h, errCorrupt
	}
	perPixel := int64(4)
	switch {
	case palette:
		perPixel = 1
	case deep:
		perPixel = 8
	case !alpha && b[25] == 0: // grey
		perPixel = 1
	}
	h.cost = perPixel*h.pixels() + 1<<20
	if interlaced {
		h.cost += perPixel * h.pixels() // the passes, while they are put together
	}
	h.decode = func(ctx context.Context) (raster, error) { return decoded(png.Decode(reader(ctx, b))) }
	return h, nil
}
