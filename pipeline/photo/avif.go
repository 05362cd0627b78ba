package photo

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"math"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// avifModule is libavif and libaom as WebAssembly, gzipped; libavif/README.md says where it is from.
//
//go:embed libavif/decode.wasm.gz
var avifModule []byte

// avifDecoder compiles the module when the first AVIF picture comes (about a second) and keeps it as one keeps a compiled regexp.
var avifDecoder = sync.OnceValues(func() (*wasmDecoder, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(avifModule))
	if err != nil {
		return nil, err
	}
	code, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	d := &wasmDecoder{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, d.runtime); err != nil {
		return nil, err
	}
	d.code, err = d.runtime.CompileModule(ctx, code)
	return d, err
})

type wasmDecoder struct {
	runtime wazero.Runtime
	code    wazero.CompiledModule
}

// linearMemory is the memory of one decoder instance. It never moves and never grows over its capacity: an allocation past that
// fails inside the decoder, which then gives up.
type linearMemory []byte

func (m linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m)) {
		return nil
	}
	return m[:size:size]
}

func (linearMemory) Free() {}

// decode returns the first frame, on at most limit bytes of memory.
func (d *wasmDecoder) decode(ctx context.Context, b []byte, w, h int, limit int64) (image.Image, error) {
	memory := make(linearMemory, limit)
	module, err := d.runtime.InstantiateModule(
		experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
			func(uint64, uint64) experimental.LinearMemory { return memory })),
		d.code, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, err
	}
	defer module.Close(ctx)
	call := func(name string, args ...uint64) (uint32, error) {
		out, err := module.ExportedFunction(name).Call(ctx, args...)
		if err != nil {
			return 0, err
		}
		return uint32(out[0]), nil
	}
	alloc := func(n int) (uint32, error) {
		at, err := call("malloc", uint64(n))
		if err == nil && at == 0 {
			err = &Refused{Reason: OverBudget}
		}
		return at, err
	}

	in, err := alloc(len(b))
	if err != nil {
		return nil, err
	}
	info, err := alloc(24) // width, height, depth, frames; the first frame's duration
	if err != nil {
		return nil, err
	}
	duration := info + 16
	mem := module.Memory()
	mem.Write(in, b)
	// decode(data, size, config only, all frames, &width, &height, &depth, &frames, &durations, pixels)
	args := []uint64{uint64(in), uint64(len(b)), 1, 0, uint64(info), uint64(info + 4), uint64(info + 8), uint64(info + 12), 0, 0}
	if ok, err := call("decode", args...); err != nil || ok == 0 {
		return nil, decodeFailed(err)
	}
	if read32(mem, info) != uint32(w) || read32(mem, info+4) != uint32(h) {
		return nil, errCorrupt
	}
	perPixel := 4
	if read32(mem, info+8) > 8 {
		perPixel = 8
	}
	out, err := alloc(perPixel * w * h)
	if err != nil {
		return nil, err
	}
	// The decoder reports success even when it made no picture, but only a picture sets the duration.
	unset := math.Float64frombits(0x7ff8_dead_beef_dead)
	mem.WriteFloat64Le(duration, unset)
	args[2], args[8], args[9] = 0, uint64(duration), uint64(out)
	if ok, err := call("decode", args...); err != nil || ok == 0 {
		return nil, decodeFailed(err)
	}
	if got, _ := mem.ReadFloat64Le(duration); math.Float64bits(got) == math.Float64bits(unset) {
		return nil, errCorrupt
	}
	pix, ok := mem.Read(out, uint32(perPixel*w*h))
	if !ok {
		return nil, errCorrupt
	}
	if perPixel == 4 {
		return &image.RGBA{Pix: pix, Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}, nil
	}
	return &image.RGBA64{Pix: narrowed(pix), Stride: 8 * w, Rect: image.Rect(0, 0, w, h)}, nil
}

func decodeFailed(err error) error {
	if err != nil {
		return fmt.Errorf("avif: %w", err)
	}
	return errCorrupt
}

func read32(m api.Memory, at uint32) uint32 {
	v, _ := m.ReadUint32Le(at)
	return v
}

// narrowed turns 16-bit samples from the decoder's byte order to Go's, in place.
func narrowed(pix []byte) []byte {
	for i := 0; i < len(pix); i += 2 {
		pix[i], pix[i+1] = pix[i+1], pix[i]
	}
	return pix
}

// cost is what the decoder takes at worst: planes with borders, motion and mode data, and RGB twice. Measured on pictures of
// noise: 26 bytes a pixel in 4:2:0, 30 in 4:4:4, 41 with alpha; deeper samples take twice that. Should a file need more than
// its boxes announce, the decoder fails on its own memory, not on ours.
func (p *isoItems) cost(file int) int64 {
	perPixel := int64(28)
	if p.fullChroma {
		perPixel += 4
	}
	if p.alpha {
		perPixel += 12
	}
	if p.deep {
		perPixel *= 2
	}
	return perPixel*int64(p.w)*int64(p.h) + int64(file) + 8<<20
}

// inspectISO reads the boxes of a file of the ISO base media family (ISO 14496-12, 23008-12) and takes it if it is AVIF.
func inspectISO(b []byte) (header, error) {
	h := header{format: "avif"}
	known, heic := false, false
	var items isoItems
	err := isoBoxes(b, func(kind string, body []byte) error {
		switch kind {
		case "ftyp":
			for i := 0; i+4 <= len(body); i += 4 {
				switch string(body[i : i+4]) {
				case "avif", "avis":
					known = true
				case "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1":
					heic = true
				}
			}
			if !known && heic {
				return &Refused{Reason: HEIC}
			}
			if !known {
				return &Refused{Reason: UnknownFormat}
			}
		case "meta":
			if h.metadata += len(body); h.metadata > MaxMetadata {
				return &Refused{Reason: MetadataTooLarge} // its tables are unpacked, so before they are read
			}
			return items.meta(body)
		case "moov":
			return items.moov(body, "trak", "mdia", "minf", "stbl")
		case "mdat", "free", "skip":
		default:
			h.metadata += len(body)
		}
		return nil
	})
	if err != nil {
		return h, err
	}
	if !known {
		return h, &Refused{Reason: UnknownFormat}
	}
	h.w, h.h = items.w, items.h
	h.orientation = items.orientation
	n, block, err := items.metadata(b)
	if err != nil {
		return h, err
	}
	h.metadata += n
	h.exif = readExif(block)
	h.cost = items.cost(len(b))
	h.decode = func(ctx context.Context) (raster, error) {
		d, err := avifDecoder()
		if err != nil {
			return raster{}, &Refused{Reason: Unsupported, Err: err}
		}
		return decoded(d.decode(ctx, b, h.w, h.h, h.cost))
	}
	return h, nil
}

// isoBoxes calls each for every box of b.
func isoBoxes(b []byte, each func(kind string, body []byte) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return errTruncated
		}
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		switch {
		case size == 0: // to the end
			size = uint64(len(b))
		case size == 1:
			if len(b) < 16 {
				return errTruncated
			}
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if size < head {
			return errCorrupt
		}
		if size > uint64(len(b)) {
			return errTruncated
		}
		if err := each(string(b[4:8]), b[head:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// isoItems is what is read of a file's description of its pictures.
type isoItems struct {
	w, h        int
	orientation int
	deep        bool            // more than eight bits a sample
	fullChroma  bool            // not 4:2:0
	alpha       bool            // or another picture beside the first
	notes       map[uint32]bool // items that are metadata; true for EXIF
	places      []isoPlace
}

type isoPlace struct {
	item, method   uint32
	offset, length uint64
}

// property of a picture, in the order of the file: its kind and body.
type isoProperty struct {
	kind string
	body []byte
}

func (p *isoItems) meta(body []byte) error {
	if len(body) < 4 {
		return errCorrupt
	}
	var primary uint32
	var properties []isoProperty
	var links []byte
	p.notes = map[uint32]bool{}
	err := isoBoxes(body[4:], func(kind string, body []byte) error {
		switch kind {
		case "pitm":
			c := cursor{b: body}
			primary = uint32(c.sized(2 + 2*min(1, c.version())))
		case "iinf":
			c := cursor{b: body}
			c.sized(2 + 2*min(1, c.version()))
			return isoBoxes(c.b, func(kind string, body []byte) error {
				c := cursor{b: body}
				v := c.version()
				if kind != "infe" || v < 2 {
					return nil
				}
				id := uint32(c.sized(2 + 2*(min(v, 3)-2)))
				c.sized(2)
				if t := c.take(4); string(t) == "Exif" || string(t) == "mime" {
					p.notes[id] = string(t) == "Exif"
				}
				return nil
			})
		case "iloc":
			p.locate(body)
		case "iprp":
			return isoBoxes(body, func(kind string, body []byte) error {
				switch kind {
				case "ipco":
					return isoBoxes(body, func(kind string, body []byte) error {
						properties = append(properties, isoProperty{kind, body})
						p.alpha = p.alpha || kind == "auxC"
						return nil
					})
				case "ipma":
					links = body
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, i := range linked(links, primary) {
		if i < 1 || i > len(properties) {
			continue
		}
		p.apply(properties[i-1])
	}
	return nil
}

// apply takes in one property of the primary picture. Turns and mirrors apply in the order they are listed.
func (p *isoItems) apply(property isoProperty) {
	c := cursor{b: property.body}
	switch property.kind {
	case "ispe":
		c.version()
		p.w, p.h = int(c.sized(4)), int(c.sized(4))
	case "pixi":
		c.version()
		for n := c.sized(1); n > 0; n-- {
			p.deep = p.deep || c.sized(1) > 8
		}
	case "av1C":
		c.sized(2)
		flags := c.sized(1)
		p.deep = p.deep || flags&0x40 != 0
		p.fullChroma = p.fullChroma || flags&0x0c != 0x0c
	case "irot": // quarter turns against the clock
		p.orientation = turned(p.orientation, []int{1, 8, 3, 6}[c.sized(1)&3])
	case "imir": // 0 swaps top and bottom, 1 left and right
		p.orientation = turned(p.orientation, []int{4, 2}[c.sized(1)&1])
	}
}

// turned returns the EXIF orientation that stands for one after another.
func turned(first, then int) int {
	start := plane{2, 2, []byte{0, 1, 2, 3}}
	want := start.upright(first).upright(then).pix
	for o := 1; o <= 8; o++ {
		if bytes.Equal(start.upright(o).pix, want) {
			return o
		}
	}
	return 1 // cannot be: the eight are a group
}

// linked reads an ipma box: the numbers of the properties of one item, in order, counted from 1.
func linked(b []byte, item uint32) []int {
	if len(b) < 4 {
		return nil
	}
	wide := b[3]&1 != 0
	c := cursor{b: b}
	v := c.version()
	for n := c.sized(4); n > 0 && !c.short; n-- {
		id := uint32(c.sized(2 + 2*min(1, v)))
		var numbers []int
		for m := c.sized(1); m > 0; m-- {
			if wide {
				numbers = append(numbers, int(c.sized(2)&0x7fff))
			} else {
				numbers = append(numbers, int(c.sized(1)&0x7f))
			}
		}
		if id == item {
			return numbers
		}
	}
	return nil
}

// locate reads an iloc box.
func (p *isoItems) locate(b []byte) {
	c := cursor{b: b}
	v := c.version()
	sizes := c.sized(2)
	offset, length, base, index := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	if v == 0 {
		index = 0
	}
	id := 2
	if v >= 2 {
		id = 4
	}
	for n := c.sized(id); n > 0 && !c.short; n-- {
		place := isoPlace{item: uint32(c.sized(id))}
		if v > 0 {
			place.method = uint32(c.sized(2) & 15)
		}
		c.sized(2)
		start := c.sized(base)
		extents := c.sized(2)
		if offset+length+index == 0 {
			extents = min(extents, 1) // they take no room in the file, so any number could be claimed
		}
		for ; extents > 0 && !c.short; extents-- {
			c.sized(index)
			place.offset = start + c.sized(offset)
			place.length = c.sized(length)
			p.places = append(p.places, place)
		}
	}
}

// metadata returns how many bytes of b are metadata, and the first EXIF block.
func (p *isoItems) metadata(b []byte) (n int, block []byte, err error) {
	for _, place := range p.places {
		if place.method != 0 {
			continue
		}
		if place.offset > uint64(len(b)) || place.length > uint64(len(b))-place.offset {
			return 0, nil, errTruncated
		}
		isExif, isNote := p.notes[place.item]
		if !isNote {
			continue
		}
		n += int(place.length)
		if data := b[place.offset:][:place.length]; isExif && block == nil && len(data) > 4 {
			// It begins with how far the block is from here.
			if skip := uint64(binary.BigEndian.Uint32(data)) + 4; skip < place.length {
				block = data[skip:]
			}
		}
	}
	return n, block, nil
}

// moov looks for the size of an image sequence that has no still picture beside it.
func (p *isoItems) moov(b []byte, path ...string) error {
	return isoBoxes(b, func(kind string, body []byte) error {
		switch {
		case len(path) > 0 && kind == path[0]:
			return p.moov(body, path[1:]...)
		case len(path) == 0 && kind == "stsd":
			if len(body) < 8 {
				return errCorrupt
			}
			return isoBoxes(body[8:], func(kind string, body []byte) error {
				if kind == "av01" && len(body) >= 28 && p.w == 0 {
					p.w, p.h = int(binary.BigEndian.Uint16(body[24:])), int(binary.BigEndian.Uint16(body[26:]))
				}
				return nil
			})
		}
		return nil
	})
}

// cursor reads big-endian numbers. Past the end it returns zeros and says so in short.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.b, c.short = nil, true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) sized(n int) uint64 {
	var v uint64
	for _, b := range c.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// version reads the version and flags that begin many boxes, and returns the version.
func (c *cursor) version() int { return int(c.sized(4) >> 24) }
