package facts

import (
	"encoding/json"
	"slices"
	"time"
)

// Version is that of the rules: what a lower one read has to be read again.
const Version = 1

// The stored form of facts: spans of the text, divisions by code, times in
// Unix seconds, zero where an end is open. It holds no word of the text and no
// number that is masked, nor its key.
type stored struct {
	Places  []storedPlace  `json:"p,omitempty"`
	Moments []storedMoment `json:"t,omitempty"`
	Ages    []storedAge    `json:"a,omitempty"`
	Sex     string         `json:"s,omitempty"`
	SexAt   [2]int         `json:"sw,omitzero"`
	Height  [2]int         `json:"h,omitzero"`
	HeighAt [2]int         `json:"hw,omitzero"`
	Notes   []storedNote   `json:"n,omitempty"`
	Masked  []storedMasked `json:"m,omitempty"`
}

type (
	storedPlace struct {
		Code  string  `json:"c"`
		Until int     `json:"u,omitempty"` // the year an abolished division ended, which has its code with others
		Grade float64 `json:"g"`
		Role  Role    `json:"r,omitempty"`
		Words [2]int  `json:"w,omitzero"`
	}
	storedMoment struct {
		Dates [2]int64 `json:"d"`
		Role  Role     `json:"r,omitempty"`
		Words [2]int   `json:"w,omitzero"`
	}
	storedAge struct {
		Months [2]int   `json:"m,omitzero"`
		At     [2]int64 `json:"d,omitzero"`
		Birth  [2]int64 `json:"b,omitzero"`
		Words  [2]int   `json:"w,omitzero"`
	}
	storedNote struct {
		Kind  string  `json:"k"`
		Grade float64 `json:"g"`
		Words [2]int  `json:"w"`
	}
	storedMasked struct {
		Kind  string `json:"k"`
		Words [2]int `json:"w"`
	}
)

// MarshalJSON gives the form in which facts are kept beside their text. The
// keys of what is masked are not in it: they are kept apart.
func (f Facts) MarshalJSON() ([]byte, error) {
	s := stored{Sex: f.Sex, SexAt: f.SexAt.pair(), Height: [2]int{f.Height.Min, f.Height.Max}, HeighAt: f.Height.Words.pair()}
	for _, p := range f.Places {
		s.Places = append(s.Places, storedPlace{p.Code, p.To, p.Grade, p.Role, p.Words.pair()})
	}
	for _, m := range f.Moments {
		s.Moments = append(s.Moments, storedMoment{m.Dates.pair(), m.Role, m.Words.pair()})
	}
	for _, a := range f.Ages {
		s.Ages = append(s.Ages, storedAge{[2]int{a.Min, a.Max}, a.At.pair(), a.Birth.pair(), a.Words.pair()})
	}
	for _, n := range f.Notes {
		s.Notes = append(s.Notes, storedNote{n.Kind, n.Grade, n.Words.pair()})
	}
	for _, m := range f.Masked {
		s.Masked = append(s.Masked, storedMasked{m.Kind, m.Words.pair()})
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote. A division that the table has no
// more is left out.
func (f *Facts) UnmarshalJSON(b []byte) error {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*f = Facts{Sex: s.Sex, SexAt: span(s.SexAt), Height: Height{s.Height[0], s.Height[1], span(s.HeighAt)}}
	for _, p := range s.Places {
		if d := lookup(p.Code, p.Until); d != nil {
			f.Places = append(f.Places, Place{d, p.Grade, p.Role, span(p.Words)})
		}
	}
	for _, m := range s.Moments {
		f.Moments = append(f.Moments, Moment{dates(m.Dates), m.Role, span(m.Words)})
	}
	for _, a := range s.Ages {
		f.Ages = append(f.Ages, AgeFact{Age{a.Months[0], a.Months[1], dates(a.At)}, dates(a.Birth), span(a.Words)})
	}
	for _, n := range s.Notes {
		f.Notes = append(f.Notes, Note{n.Kind, span(n.Words), n.Grade})
	}
	for _, m := range s.Masked {
		f.Masked = append(f.Masked, Masked{Kind: m.Kind, Words: span(m.Words)})
	}
	return nil
}

// Within reports that all words lie in a text of so many bytes.
func (f Facts) Within(length int) bool {
	ok := true
	f.each(func(s *Span) { ok = ok && s.From >= 0 && s.From <= s.To && s.To <= length })
	return ok
}

func (s Span) pair() [2]int { return [2]int{s.From, s.To} }

func span(p [2]int) Span { return Span{p[0], p[1]} }

func (d Dates) pair() [2]int64 {
	var p [2]int64
	for i, t := range []time.Time{d.From, d.To} {
		if !t.IsZero() {
			p[i] = t.Unix()
		}
	}
	return p
}

func dates(p [2]int64) Dates {
	var d Dates
	for i, t := range []*time.Time{&d.From, &d.To} {
		if p[i] != 0 {
			*t = time.Unix(p[i], 0).In(zone)
		}
	}
	return d
}

// lookup is the division with a code that ended in a year, 0 of one that
// stands; where the table says otherwise by now, the last with that code.
func lookup(code string, until int) *Division {
	if until != 0 {
		a := china()
		i := slices.IndexFunc(a.all, func(d Division) bool { return d.Code == code && d.To == until })
		if i >= 0 {
			return &a.all[i]
		}
	}
	return Lookup(code)
}

// Move makes words spans of a text that begins by bytes later, or by -by bytes
// earlier in the old one. What begins before it has no words then.
func (f *Facts) Move(by int) {
	f.each(func(s *Span) {
		if *s == (Span{}) {
			return
		}
		if s.From, s.To = s.From+by, s.To+by; s.From < 0 {
			*s = Span{}
		}
	})
}

// each calls fn with all words.
func (f *Facts) each(fn func(*Span)) {
	fn(&f.SexAt)
	fn(&f.Height.Words)
	for i := range f.Places {
		fn(&f.Places[i].Words)
	}
	for i := range f.Moments {
		fn(&f.Moments[i].Words)
	}
	for i := range f.Ages {
		fn(&f.Ages[i].Words)
	}
	for i := range f.Notes {
		fn(&f.Notes[i].Words)
	}
	for i := range f.Masked {
		fn(&f.Masked[i].Words)
	}
}
