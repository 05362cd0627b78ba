package elastic

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"slices"
	"strings"

	"xunqin/search"
)

// A source is a document as it is sent and stored. Words are kept as tokens alone.
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

	Photos   int `json:"photos"`
	Prints   int `json:"print_count"`
	Features int `json:"picture_count"`

	Facet facet `json:"facet"`

	Bands        []string      `json:"bands,omitempty"`
	Methods      []string      `json:"methods,omitempty"`
	Fingerprints []fingerprint `json:"prints,omitempty"`

	Voting   string         `json:"voting,omitempty"`
	Ballot   map[string]int `json:"ballot,omitempty"` // pictures of each method
	Pictures []picture      `json:"pictures,omitempty"`
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

// A picture is Features as they are stored.
type picture struct {
	Photo  string `json:"photo"`
	Points []byte `json:"points"` // their binary form
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
			s.Prints++
			s.Methods = append(s.Methods, field)
			s.Bands = append(s.Bands, bands(f, 0)...)
			s.Fingerprints = append(s.Fingerprints, fingerprint{
				About: about{p.ID, f.Algo, [4]int{f.Part.Min.X, f.Part.Min.Y, f.Part.Max.X, f.Part.Max.Y}}, bits: hex.EncodeToString(f.Bits),
			})
		}
	}
	fields = distinct(s.Methods)
	s.Methods, s.Bands = fields, distinct(s.Bands)
	if err := s.addPictures(d); err != nil {
		return nil, nil, err
	}
	for algo := range s.Ballot {
		fields = append(fields, algo)
	}
	doc, err = json.Marshal(s)
	return doc, fields, err
}

func (s *source) addPictures(d search.Doc) error {
	var voting []string
	for _, p := range d.Photos {
		for _, f := range p.Features {
			if len(f.Points) == 0 {
				continue
			}
			b, err := f.MarshalBinary()
			if err != nil {
				return err
			}
			s.Features++
			s.Pictures = append(s.Pictures, picture{p.ID, b})
			if s.Ballot == nil {
				s.Ballot = make(map[string]int)
			}
			s.Ballot[ballot(f.Algo)]++
			for i := range f.Points {
				voting = append(voting, voter(f.Algo, d.Kind, f.Points[i].Word()))
			}
		}
	}
	s.Voting = spaced(distinct(voting))
	return nil
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

// bands are the terms of a fingerprint: each of its parts of 16 bits, and with flips each
// that differs from it in one bit.
func bands(f search.Fingerprint, flips int) (terms []string) {
	field := vector(f.Algo, len(f.Bits))
	for i := 0; i < len(f.Bits); i += 2 {
		band := uint16(f.Bits[i])<<8 | uint16(f.Bits[i+1])
		terms = append(terms, fmt.Sprintf("%s:%x:%04x", field, i/2, band))
		for b := 0; flips > 0 && b < 16; b++ {
			terms = append(terms, fmt.Sprintf("%s:%x:%04x", field, i/2, band^1<<b))
		}
	}
	return terms
}

// stored is what is read of a document with fingerprints or pictures.
type stored struct {
	ID, Kind string
	Prints   []fingerprint
	Pictures []picture
}

// A fingerprint as it is stored: under the name of its vector, and what it is of.
type fingerprint struct {
	About about
	bits  string // in hex
}

type about struct {
	Photo string `json:"photo"`
	Algo  string `json:"algo"`
	Part  [4]int `json:"part"`
}

// MarshalJSON writes the bits under the name of the field of their method.
func (p fingerprint) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"about": p.About, vector(p.About.Algo, len(p.bits)/2): p.bits})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *fingerprint) UnmarshalJSON(b []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	for name, value := range fields {
		to := any(&p.bits)
		if name == "about" {
			to = &p.About
		}
		if err := json.Unmarshal(value, to); err != nil {
			return err
		}
	}
	return nil
}

func (p fingerprint) fingerprint() (search.Fingerprint, error) {
	b, err := hex.DecodeString(p.bits)
	part := p.About.Part
	return search.Fingerprint{Algo: p.About.Algo, Bits: b, Part: image.Rectangle{Min: image.Pt(part[0], part[1]), Max: image.Pt(part[2], part[3])}}, err
}
