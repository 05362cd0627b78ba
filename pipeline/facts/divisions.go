package facts

import (
	"cmp"
	_ "embed"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Level is the rank of a division.
type Level int

// The levels, from the coarsest.
const (
	Province Level = iota
	Prefecture
	County
)

func (l Level) String() string { return [...]string{"province", "prefecture", "county"}[l] }

// A Division is a province, prefecture or county of China as it stood between
// two years. Codes are those of GB/T 2260: of two divisions with one code, one
// is abolished. One that kept its name under another code is one division,
// under its last code.
type Division struct {
	Code, Name string
	Short      string // without its rank: 天河; "" where that would be one character
	Pinyin     string // of Short, or else of Name: small letters without gaps and tones
	Level      Level
	From, To   int // the years; 0 where it stood before 1981, and where it stands
	Lat, Lon   float64
	Next       []string // codes of what stands in its place today
	Earlier    []string // codes it had before
	parent     int32    // in atlas.all; -1 of a province
}

// Current reports that d stands today.
func (d *Division) Current() bool { return d.To == 0 }

// English is the name in pinyin with its rank in English: "Tianhe District".
func (d *Division) English() string {
	name := d.Pinyin
	if name == "" {
		return d.Code
	}
	if d.Level == Province {
		if s, ok := englishProvinces[d.Code]; ok {
			return s
		}
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if d.Short == "" { // the rank is part of what is written
		return name
	}
	for _, r := range englishRanks {
		if strings.HasSuffix(d.Name, r.chinese) {
			return name + " " + r.english
		}
	}
	return name
}

var englishProvinces = map[string]string{
	"110000": "Beijing", "120000": "Tianjin", "310000": "Shanghai", "500000": "Chongqing", "150000": "Inner Mongolia", "450000": "Guangxi", "540000": "Tibet",
	"640000": "Ningxia", "650000": "Xinjiang", "810000": "Hong Kong", "820000": "Macau", "710000": "Taiwan",
}

var englishRanks = []struct{ chinese, english string }{
	{"省", "Province"}, {"自治州", "Prefecture"}, {"地区", "Prefecture"}, {"盟", "League"}, {"市", "City"}, {"自治县", "County"}, {"县", "County"}, {"旗", "Banner"}, {"区", "District"},
}

//go:embed divisions.tsv
var divisionTable string

//go:embed towns.tsv
var townTable string

// atlas is the tree of divisions.
type atlas struct {
	all    []Division
	byCode map[string]int32 // the current one, else the last; earlier codes too
}

// china reads the table once; it takes some milliseconds and 3 MB.
var china = sync.OnceValue(func() *atlas {
	lines := strings.Split(strings.TrimSuffix(divisionTable, "\n"), "\n")
	a := &atlas{all: make([]Division, len(lines)), byCode: make(map[string]int32, 2*len(lines))}
	for i, line := range lines {
		c := strings.Split(line, "\t")
		d := &a.all[i]
		*d = Division{Code: c[0], Name: c[1], Short: c[2], Pinyin: c[5], Level: County, parent: -1}
		switch {
		case strings.HasSuffix(d.Code, "0000"):
			d.Level = Province
		case strings.HasSuffix(d.Code, "00"):
			d.Level = Prefecture
		}
		from, to, _ := strings.Cut(c[3], "-")
		d.From, d.To = number(from), number(to)
		if lat, lon, ok := strings.Cut(c[4], ","); ok {
			d.Lat, d.Lon = decimal(lat), decimal(lon)
		}
		if c[6] != "" {
			d.Next = strings.Split(c[6], ",")
		}
		if c[7] != "" {
			d.Earlier = strings.Split(c[7], ",")
		}
		// The current division of a code stands before abolished ones.
		if _, ok := a.byCode[d.Code]; !ok {
			a.byCode[d.Code] = int32(i)
		}
	}
	for i := range a.all {
		d := &a.all[i]
		for _, code := range d.Earlier {
			if _, ok := a.byCode[code]; !ok {
				a.byCode[code] = int32(i)
			}
		}
		if d.Level == County {
			if p, ok := a.byCode[d.Code[:4]+"00"]; ok {
				d.parent = p
				continue
			}
		}
		if d.Level > Province {
			if p, ok := a.byCode[d.Code[:2]+"0000"]; ok {
				d.parent = p
			}
		}
	}
	return a
})

// number reads a number of the table, where an empty cell is 0.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func decimal(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return f
}

// Lookup is the division with a code: the current one, else the last that had
// it; nil if no division ever did.
func Lookup(code string) *Division {
	a := china()
	if i, ok := a.byCode[code]; ok {
		return &a.all[i]
	}
	return nil
}

// All lists every division, in the order of their codes.
func All() []*Division {
	a := china()
	list := make([]*Division, len(a.all))
	for i := range a.all {
		list[i] = &a.all[i]
	}
	return list
}

// Named lists the divisions a name may mean, current ones first: full or short
// in Chinese of either script (广州市, 廣州), in pinyin or English ("Tianhe
// District"), or a code. Use it for what a person asks for: a name stands for
// every place that bears it.
func Named(name string) []*Division {
	a := china()
	if i, ok := a.byCode[name]; ok {
		return []*Division{&a.all[i]}
	}
	t := fold(name)
	t.trim()
	var found []*Division
	words().match(&t, 0, func(to int, e entry) {
		if to == len(t.runes) && e.kind == placeName {
			found = append(found, &a.all[e.value])
		}
	})
	slices.SortStableFunc(found, func(a, b *Division) int {
		if a.Current() != b.Current() {
			if a.Current() {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Level, b.Level)
	})
	return slices.Compact(found)
}

// Parent is the division around d, nil of a province. Of an abolished one it
// is the present division with the code of the one around it.
func (d *Division) Parent() *Division {
	if d.parent < 0 {
		return nil
	}
	return &china().all[d.parent]
}

// Path is the divisions that d lies in today, from the province down to d
// itself; of an abolished one, down to what is still there around it.
func (d *Division) Path() []*Division {
	var path []*Division
	for ; d != nil; d = d.Parent() {
		if d.Current() {
			path = append(path, d)
		}
	}
	slices.Reverse(path)
	return path
}

// Within reports that d lies in outer or is it, today or at any time since
// 1980: 宣武区 lies in 西城区, which took it up, and 淮阴县 in 淮阴市.
func (d *Division) Within(outer *Division) bool {
	if d == outer {
		return true
	}
	if d.Level < outer.Level {
		return false
	}
	within := func(code string) bool {
		if under(code, outer.Code, outer.Level) {
			return true
		}
		for _, o := range outer.Earlier {
			if under(code, o, outer.Level) {
				return true
			}
		}
		return false
	}
	return within(d.Code) || slices.ContainsFunc(d.Earlier, within) || slices.ContainsFunc(d.Next, within)
}

// under compares the part of a code that names a division of a level.
func under(code, outer string, level Level) bool {
	n := 2 + 2*int(level)
	return code[:n] == outer[:n]
}

// Present is what stands today in the place of d: d itself, or what took it
// up; nothing where that is not known.
func (d *Division) Present() []*Division {
	if d.Current() {
		return []*Division{d}
	}
	var now []*Division
	for _, code := range d.Next {
		if n := Lookup(code); n != nil && n.Current() {
			now = append(now, n)
		}
	}
	return now
}

// Distance is how far the seats of two divisions are apart, in kilometres on
// a sphere; the table is exact to about one.
func Distance(a, b *Division) float64 {
	const radius, degree = 6371, math.Pi / 180
	dLat, dLon := (b.Lat-a.Lat)*degree/2, (b.Lon-a.Lon)*degree/2
	h := math.Sin(dLat)*math.Sin(dLat) + math.Cos(a.Lat*degree)*math.Cos(b.Lat*degree)*math.Sin(dLon)*math.Sin(dLon)
	return 2 * radius * math.Asin(math.Sqrt(min(1, h)))
}
