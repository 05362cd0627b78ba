package photo

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"
)

// exif is what is read of a picture's EXIF block. Everything else in it is dropped with the block.
type exif struct {
	orientation int // 1 to 8; 0 when absent or nonsense
	taken       time.Time
	zoned       bool
	place       *Place
	bytes       int // of the values the first directory points to
}

// Tags of EXIF 2.32 and TIFF 6.0.
const (
	tagOrientation    = 0x0112
	tagDateTime       = 0x0132
	tagStripOffsets   = 0x0111
	tagStripBytes     = 0x0117
	tagTileOffsets    = 0x0144
	tagTileBytes      = 0x0145
	tagExifDirectory  = 0x8769
	tagPlaceDirectory = 0x8825
	tagTaken          = 0x9003
	tagTakenOffset    = 0x9011
)

// readExif reads a TIFF structure: the body of an EXIF block or a whole TIFF file. It never fails: a block that makes no
// sense says nothing, as every viewer has it. The work is bounded by three directories of at most 65,535 entries.
func readExif(b []byte) exif {
	var e exif
	t, ok := openTIFF(b)
	if !ok {
		return e
	}
	var taken, zone string
	var sub, place uint32
	t.directory(t.u32(4), func(tag uint16, v value) {
		switch tag {
		case tagOrientation:
			if o := v.uint(); o >= 1 && o <= 8 {
				e.orientation = int(o)
			}
		case tagDateTime:
			taken = v.text()
		case tagExifDirectory:
			sub = v.uint()
		case tagPlaceDirectory:
			place = v.uint()
		case tagStripOffsets, tagStripBytes, tagTileOffsets, tagTileBytes:
			return
		}
		e.bytes += v.size
	})
	if sub != 0 {
		t.directory(sub, func(tag uint16, v value) {
			switch tag {
			case tagTaken:
				taken = v.text()
			case tagTakenOffset:
				zone = v.text()
			}
		})
	}
	e.taken, e.zoned = cameraTime(taken, zone)
	if place != 0 {
		e.place = t.place(place)
	}
	return e
}

func cameraTime(taken, zone string) (t time.Time, zoned bool) {
	const layout = "2006:01:02 15:04:05"
	if t, err := time.Parse(layout+"-07:00", taken+zone); err == nil {
		return t, true
	}
	t, err := time.Parse(layout, taken)
	if err != nil {
		return time.Time{}, false
	}
	return t, false
}

type tiffBlock struct {
	b     []byte
	order binary.ByteOrder
}

func openTIFF(b []byte) (tiffBlock, bool) {
	switch {
	case bytes.HasPrefix(b, []byte("II*\x00")):
		return tiffBlock{b, binary.LittleEndian}, true
	case bytes.HasPrefix(b, []byte("MM\x00*")):
		return tiffBlock{b, binary.BigEndian}, true
	}
	return tiffBlock{}, false
}

// u32 returns 0 outside the block, which is no directory's address.
func (t tiffBlock) u32(at int) uint32 {
	if at < 0 || at+4 > len(t.b) {
		return 0
	}
	return t.order.Uint32(t.b[at:])
}

// value is one entry of a directory.
type value struct {
	order binary.ByteOrder
	kind  uint16
	count uint32
	b     []byte // nil when it points outside the block
	size  int    // bytes outside the entry, as claimed
}

func (t tiffBlock) directory(at uint32, entry func(tag uint16, v value)) {
	if at < 8 || int64(at)+2 > int64(len(t.b)) {
		return
	}
	n := int(t.order.Uint16(t.b[at:]))
	for p := int(at) + 2; n > 0 && p+12 <= len(t.b); n, p = n-1, p+12 {
		v := value{order: t.order, kind: t.order.Uint16(t.b[p+2:]), count: t.order.Uint32(t.b[p+4:])}
		// Sizes of the types BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE.
		const sizes = "\x01\x01\x02\x04\x08\x01\x01\x02\x04\x08\x04\x08"
		if v.kind < 1 || int(v.kind) > len(sizes) {
			continue
		}
		size := int64(sizes[v.kind-1]) * int64(v.count)
		if size <= 4 {
			v.b = t.b[p+8:][:size]
		} else {
			v.size = int(size)
			if from := int64(t.order.Uint32(t.b[p+8:])); from+size <= int64(len(t.b)) {
				v.b = t.b[from:][:size]
			}
		}
		entry(t.order.Uint16(t.b[p:]), v)
	}
}

func (v value) uint() uint32 {
	switch {
	case v.kind == 3 && len(v.b) >= 2:
		return uint32(v.order.Uint16(v.b))
	case v.kind == 4 && len(v.b) >= 4:
		return v.order.Uint32(v.b)
	}
	return 0
}

func (v value) text() string {
	if v.kind != 2 {
		return ""
	}
	s, _, _ := strings.Cut(string(v.b[:min(len(v.b), 64)]), "\x00")
	return strings.TrimSpace(s)
}

// degrees reads three rationals: degrees, minutes, seconds.
func (v value) degrees() (float64, bool) {
	if v.kind != 5 || len(v.b) != 24 {
		return 0, false
	}
	var d float64
	for i, unit := range []float64{1, 60, 3600} {
		num, den := v.order.Uint32(v.b[8*i:]), v.order.Uint32(v.b[8*i+4:])
		if den == 0 {
			return 0, false
		}
		d += float64(num) / float64(den) / unit
	}
	return d, true
}

func (t tiffBlock) place(at uint32) *Place {
	var p Place
	var lat, lon bool
	var south, west bool
	t.directory(at, func(tag uint16, v value) {
		switch tag {
		case 1:
			south = v.text() == "S"
		case 2:
			p.Lat, lat = v.degrees()
		case 3:
			west = v.text() == "W"
		case 4:
			p.Lon, lon = v.degrees()
		}
	})
	if south {
		p.Lat = -p.Lat
	}
	if west {
		p.Lon = -p.Lon
	}
	// 0, 0 is what phones write that do not know where they are.
	if !lat || !lon || p.Lat < -90 || p.Lat > 90 || p.Lon < -180 || p.Lon > 180 || p == (Place{}) {
		return nil
	}
	return &p
}
