package elastic

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image"
	"slices"
	"strings"

	"xunqin/search"
)

// A source is a document as it is sent. Of words, tokens alone are kept.
type source struct {
	ID      string `json:"id"`
	At      int64  `json:"at"` // Unix ms
	Kind    string `json:"kind"`
	Source  string `json:"source"`
	Status  string `json:"status"`
	Sex     string `json:"sex,omitempty"`
	Words   string `json:"words"`
	Singles string `json:"singles"`
	Place   string `json:"place"`

	Path []string `json:"path,omitempty"` // divisions around its spots
	Seat []string `json:"seat,omitempty"` // the finest of each

	Time *span `json:"time,omitempty"`
	Born *span `json:"born,omitempty"`
	Age  *span `json:"age,omitempty"`

	Photos       int `json:"photos"`
	PrintCount   int `json:"print_count"`
	PictureCount int `json:"picture_count"`

	Facet facet `json:"facet"`

	Bands   []string            `json:"bands,omitempty"`
	Methods []string            `json:"methods,omitempty"`
	Vectors []map[string]string `json:"vectors,omitempty"` // by field of a method, in hex
	Prints  []byte              `json:"prints,omitempty"`  // the same, of what they are: see appendPrint

	WordsOf  map[string]string `json:"words_of,omitempty"` // by class
	Pictures map[string][]byte `json:"pictures,omitempty"` // by method: see appendPicture
	CountOf  map[string]int    `json:"count_of,omitempty"` // of pictures, by class
}

type span struct {
	First int64 `json:"gte"`
	Last  int64 `json:"lte"`
}

// A facet is what search.Facet.Values says, where it is no field besides.
type facet struct {
	Division []string `json:"division,omitempty"` // a division and one below it, "350000/350500"
	Month    []string `json:"month,omitempty"`
	Age      []string `json:"age,omitempty"`
}

func ranged(r search.Range) *span {
	if r.Empty() {
		return nil
	}
	return &span{r.First, r.Last}
}

func spaced(tokens []string) string { return strings.Join(tokens, " ") }

// encode gives d as it is stored, and the fields of methods that it needs.
func encode(d search.Doc) (doc []byte, fields []string, err error) {
	words, singles := search.Tokens(d.Text)
	_, place := search.Tokens(d.Place)
	s := source{
		ID: d.ID, At: d.At.UnixMilli(), Kind: d.Kind, Source: search.Name(d.Source), Status: search.Name(d.Status), Sex: d.Facts.Sex,
		Words: spaced(words), Singles: spaced(singles), Place: spaced(place),
		Time: ranged(d.Time()), Born: ranged(d.Born()), Age: ranged(d.Age()),
		Photos: len(d.Photos), Facet: facets(d),
	}
	for _, p := range d.Facts.Places {
		s.Path = append(s.Path, p.Path...)
		s.Seat = append(s.Seat, p.Path[len(p.Path)-1])
	}
	s.Path, s.Seat = distinct(s.Path), distinct(s.Seat)
	for _, p := range d.Photos {
		for _, f := range p.Prints {
			field := vector(f.Algo, len(f.Bits))
			s.PrintCount++
			s.Methods = append(s.Methods, field)
			s.Bands = appendBands(s.Bands, f, 0)
			s.Vectors = append(s.Vectors, map[string]string{field: hex.EncodeToString(f.Bits)})
			s.Prints = appendPrint(s.Prints, p.ID, f)
		}
	}
	s.Methods, s.Bands = distinct(s.Methods), distinct(s.Bands)
	for _, field := range s.Methods {
		fields = append(fields, "vectors."+field)
	}
	s.addPictures(d)
	for class := range s.WordsOf {
		fields = append(fields, "words_of."+class, "count_of."+class)
	}
	for algo := range s.Pictures {
		fields = append(fields, "pictures."+algo)
	}
	doc, err = json.Marshal(s)
	return doc, fields, err
}

func (s *source) addPictures(d search.Doc) {
	words := make(map[string][]string)
	for _, p := range d.Photos {
		for _, f := range p.Features {
			if len(f.Points) == 0 {
				continue
			}
			if s.Pictures == nil {
				s.Pictures, s.CountOf = make(map[string][]byte), make(map[string]int)
			}
			s.PictureCount++
			class := class(f.Algo, d.Kind)
			s.CountOf[class]++
			s.Pictures[method(f.Algo)] = appendPicture(s.Pictures[method(f.Algo)], p.ID, f)
			for i := range f.Points {
				words[class] = appendWords(words[class], &f.Points[i])
			}
		}
	}
	for class, list := range words {
		if s.WordsOf == nil {
			s.WordsOf = make(map[string]string)
		}
		s.WordsOf[class] = spaced(distinct(list))
	}
}

func facets(d search.Doc) (f facet) {
	v := d.Faceted()
	values := search.Facet{}.Values(v)
	f.Month, f.Age = values[search.ByMonth], values[search.ByAge]
	for _, path := range v.Paths {
		f.Division = append(f.Division, "/"+path[0])
		for i := range path[:len(path)-1] {
			if slices.Index(path, path[i]) == i {
				f.Division = append(f.Division, path[i]+"/"+path[i+1])
			}
		}
	}
	f.Division = distinct(f.Division)
	return f
}

// distinct sorts a list and leaves each once.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// appendBands appends the terms of a fingerprint: each of its parts of 16 bits, and with flips
// each that differs from it in one bit.
func appendBands(terms []string, f search.Fingerprint, flips int) []string {
	prefix := method(f.Algo)[:6]
	term := func(part int, band uint16) string {
		b := make([]byte, 0, 16)
		b = append(b, prefix...)
		b = append(b, "0123456789abcdef"[part])
		return string(hex.AppendEncode(b, []byte{byte(band >> 8), byte(band)}))
	}
	for i := 0; i < len(f.Bits); i += 2 {
		band := binary.BigEndian.Uint16(f.Bits[i:])
		terms = append(terms, term(i/2, band))
		for b := 0; flips > 0 && b < 16; b++ {
			terms = append(terms, term(i/2, band^1<<b))
		}
	}
	return terms
}

// A read is what is read of a document.
type read struct {
	Index  string `json:"_index"`
	Seq    int64  `json:"_seq_no"`
	Term   int64  `json:"_primary_term"`
	Sort   []json.RawMessage
	Fields map[string][]json.RawMessage
}

// text is a value of a field that has one, empty if it has none.
func (r *read) text(field string) (s string, err error) {
	if v := r.Fields[field]; len(v) > 0 {
		err = json.Unmarshal(v[0], &s)
	}
	return s, err
}

// blob is a value of a binary field.
func (r *read) blob(field string) (b []byte, err error) {
	if v := r.Fields[field]; len(v) > 0 {
		err = json.Unmarshal(v[0], &b)
	}
	return b, err
}

var errStored = errors.New("stored document is damaged")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cut takes a string off the front of b; ok is false if there is none.
func cut(b []byte) (s, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	return b[used:][:n], b[used:][n:], true
}

// appendPrint appends a fingerprint of a photo: the photo, the method, the four sides of the
// part and the bits.
func appendPrint(b []byte, photo string, f search.Fingerprint) []byte {
	b = appendString(appendString(b, photo), f.Algo)
	for _, v := range []int{f.Part.Min.X, f.Part.Min.Y, f.Part.Max.X, f.Part.Max.Y} {
		b = binary.AppendVarint(b, int64(v))
	}
	return appendString(b, string(f.Bits))
}

// eachPrint reads what appendPrint wrote.
func eachPrint(b []byte, do func(photo string, f search.Fingerprint)) error {
	for len(b) > 0 {
		photo, rest, ok := cut(b)
		if !ok {
			return errStored
		}
		algo, rest, ok := cut(rest)
		if !ok {
			return errStored
		}
		var side [4]int
		for i := range side {
			v, n := binary.Varint(rest)
			if n <= 0 {
				return errStored
			}
			side[i], rest = int(v), rest[n:]
		}
		bits, rest, ok := cut(rest)
		if !ok {
			return errStored
		}
		b = rest
		part := image.Rectangle{Min: image.Pt(side[0], side[1]), Max: image.Pt(side[2], side[3])}
		do(string(photo), search.Fingerprint{Algo: string(algo), Bits: slices.Clone(bits), Part: part})
	}
	return nil
}

// voterBytes is a point that votes, as it is stored: how it lies, its size, its descriptor.
const voterBytes = 2 + 32

// appendPicture appends the points of a photo that vote.
func appendPicture(b []byte, photo string, f search.Features) []byte {
	points := f.Voting()
	b = binary.AppendUvarint(appendString(b, photo), uint64(len(points)*voterBytes))
	for i := range points {
		b = append(append(b, points[i].Angle, points[i].Level), points[i].Desc[:]...)
	}
	return b
}

// eachPicture reads what appendPicture wrote.
func eachPicture(b []byte, do func(photo string, points []search.Point)) error {
	for len(b) > 0 {
		photo, rest, ok := cut(b)
		if !ok {
			return errStored
		}
		stored, rest, ok := cut(rest)
		if !ok || len(stored)%voterBytes != 0 {
			return errStored
		}
		b = rest
		points := make([]search.Point, len(stored)/voterBytes)
		for i := range points {
			p := stored[i*voterBytes:][:voterBytes]
			points[i] = search.Point{Angle: p[0], Level: p[1], Desc: [32]byte(p[2:])}
		}
		do(string(photo), points)
	}
	return nil
}
