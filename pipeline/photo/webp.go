package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"io"

	"golang.org/x/image/webp"
)

// webpFrame is one picture of a WebP file: VP8 (lossy, perhaps with an ALPH chunk beside it) or VP8L (lossless).
type webpFrame struct {
	w, h     int
	at       image.Point // on the canvas
	lossless bool
	data     []byte
	alpha    []byte // body of the ALPH chunk
}

// inspectWebP walks the chunks (RFC 9649) and picks the first frame. The decoder in use knows still pictures only, so a frame of
// an animation is given to it as a still picture of its own.
func inspectWebP(b []byte) (header, error) {
	h := header{format: "webp"}
	size := int64(binary.LittleEndian.Uint32(b[4:]))
	if size < 4 {
		return h, errCorrupt
	}
	if size+8 > int64(len(b)) {
		return h, errTruncated
	}
	var frame, still webpFrame
	animated, extended := false, false
	err := riffChunks(b[12:8+size], func(kind string, body []byte) error {
		switch kind {
		case "VP8X":
			if len(body) != 10 || extended {
				return errCorrupt
			}
			extended = true
			h.w, h.h = int(u24(body[4:]))+1, int(u24(body[7:]))+1
		case "ANMF":
			if len(body) < 16 {
				return errCorrupt
			}
			if animated {
				return nil
			}
			animated = true
			frame.at = image.Pt(2*int(u24(body)), 2*int(u24(body[3:])))
			if err := riffChunks(body[16:], frame.chunk); err != nil {
				return err
			}
			if frame.w != int(u24(body[6:]))+1 || frame.h != int(u24(body[9:]))+1 {
				return errCorrupt
			}
		case "ANIM":
		case "VP8 ", "VP8L", "ALPH":
			return still.chunk(kind, body)
		default:
			h.metadata += len(body) + 8
			if kind == "EXIF" {
				h.exif = readExif(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
				h.orientation = h.exif.orientation
			}
		}
		return nil
	})
	if err != nil {
		return h, err
	}
	if !animated {
		frame = still
	}
	if frame.data == nil {
		return h, errCorrupt
	}
	if !extended {
		h.w, h.h = frame.w, frame.h
	}
	if !animated && (frame.w != h.w || frame.h != h.h) {
		return h, errCorrupt
	}
	h.cost = frame.cost()
	h.decode = func(ctx context.Context) (raster, error) {
		m, err := webp.Decode(frame.file(ctx))
		if err != nil {
			return raster{}, err
		}
		return placed(h.w, h.h, frame.at, m, !frame.lossless)
	}
	return h, nil
}

// riffChunks calls each for every chunk of b. The last pad byte may be missing, as it is in some files.
func riffChunks(b []byte, each func(kind string, body []byte) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return errTruncated
		}
		n := int64(binary.LittleEndian.Uint32(b[4:]))
		if n > int64(len(b)-8) {
			return errTruncated
		}
		if err := each(string(b[:4]), b[8:8+n]); err != nil {
			return err
		}
		b = b[min(8+n+n&1, int64(len(b))):]
	}
	return nil
}

func u24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }

// chunk takes in one chunk of a frame.
func (f *webpFrame) chunk(kind string, body []byte) error {
	switch {
	case kind == "ALPH" && f.data == nil:
		if len(body) == 0 {
			return errCorrupt
		}
		f.alpha = body
	case kind == "VP8 " && f.data == nil:
		if len(body) < 10 || string(body[3:6]) != "\x9d\x01\x2a" {
			return errCorrupt
		}
		f.w, f.h = int(binary.LittleEndian.Uint16(body[6:])&0x3fff), int(binary.LittleEndian.Uint16(body[8:])&0x3fff)
		f.data = body
	case kind == "VP8L" && f.data == nil:
		if len(body) < 5 || body[0] != 0x2f {
			return errCorrupt
		}
		size := binary.LittleEndian.Uint32(body[1:])
		f.w, f.h = int(size&0x3fff)+1, int(size>>14&0x3fff)+1
		f.data, f.lossless, f.alpha = body, true, nil
	}
	return nil
}

// cost counts the planes of a lossy picture; of a lossless one, or of lossless alpha, two pictures of four bytes a pixel (the
// second while a palette is undone) and the code tables.
func (f webpFrame) cost() int64 {
	pixels := int64(f.w+15) * int64(f.h+15)
	cost := int64(len(f.data)) + 1<<20
	if f.lossless {
		return cost + 8*pixels + vp8lTables(f.w, f.h, len(f.data))
	}
	cost += 2 * pixels
	if f.alpha != nil {
		cost += pixels
		if f.alpha[0]&3 == 1 {
			cost += 8*pixels + vp8lTables(f.w, f.h, len(f.alpha))
		}
	}
	return cost
}

// vp8lTables returns what the code tables of a lossless picture may take. There is one group of five tables for each tile of
// at least 4x4 pixels, 2,600 at most; a group takes 2,680 bytes and 16 for each of at most 3,136 symbols. Six symbols may be
// declared in three bits.
func vp8lTables(w, h, data int) int64 {
	groups := min(2600, int64(w+3)/4*(int64(h+3)/4))
	return groups*2680 + min(groups*16*3136, 256*int64(data))
}

// file returns the frame as a still WebP file.
func (f webpFrame) file(ctx context.Context) io.Reader {
	var head []byte
	kind := "VP8 "
	if f.lossless {
		kind = "VP8L"
	}
	body := 8 + len(f.data) + len(f.data)&1
	if f.alpha != nil {
		body += 18 + 8 + len(f.alpha) + len(f.alpha)&1
	}
	head = append(head, "RIFF"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(4+body))
	head = append(head, "WEBP"...)
	parts := []io.Reader{}
	if f.alpha != nil {
		w, h := f.w-1, f.h-1
		head = append(head, "VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"...)
		head = append(head, byte(w), byte(w>>8), byte(w>>16), byte(h), byte(h>>8), byte(h>>16))
		head = append(head, "ALPH"...)
		head = binary.LittleEndian.AppendUint32(head, uint32(len(f.alpha)))
		parts = append(parts, bytes.NewReader(head), reader(ctx, f.alpha), bytes.NewReader(make([]byte, len(f.alpha)&1)))
		head = nil
	}
	head = append(head, kind...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(f.data)))
	parts = append(parts, bytes.NewReader(head), reader(ctx, f.data), bytes.NewReader(make([]byte, len(f.data)&1)))
	return io.MultiReader(parts...)
}
