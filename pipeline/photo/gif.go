package photo

import (
	"context"
	"encoding/binary"
	"image/gif"
)

// inspectGIF walks the blocks to the trailer. Only the first frame is ever decoded, so their number costs nothing.
func inspectGIF(b []byte) (header, error) {
	h := header{format: "gif"}
	if len(b) < 13 {
		return h, errTruncated
	}
	h.w, h.h = int(binary.LittleEndian.Uint16(b[6:])), int(binary.LittleEndian.Uint16(b[8:]))
	at := 13 + colourTable(b[10])
	frames := 0
	for {
		if at >= len(b) {
			return h, errTruncated
		}
		block := b[at]
		at++
		if block == ';' {
			break
		}
		if at+10 > len(b) {
			return h, errTruncated
		}
		start := at
		switch block {
		case '!': // extension: its kind, then data
			at++
		case ',': // picture: where it lies, its colours, the code size, then data
			at += 10 + colourTable(b[at+8])
			frames++
		default:
			return h, errCorrupt
		}
		for {
			if at >= len(b) {
				return h, errTruncated
			}
			n := int(b[at])
			at += 1 + n
			if n == 0 {
				break
			}
		}
		if block == '!' {
			h.metadata += at - start
		}
	}
	if frames == 0 {
		return h, errCorrupt
	}
	h.cost = h.pixels() + 1<<20
	h.decode = func(ctx context.Context) (raster, error) {
		m, err := gif.Decode(reader(ctx, b))
		if err != nil {
			return raster{}, err
		}
		return placed(h.w, h.h, m.Bounds().Min, m, false)
	}
	return h, nil
}

// colourTable returns the bytes of the table that a flag byte announces.
func colourTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}
