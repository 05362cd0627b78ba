package pipeline

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"xunqin/pipeline/facts"
	"xunqin/search"
)

// Divisions are those of China, for the places of queries.
type Divisions struct{}

var _ search.Divisions = Divisions{}

// Lookup implements search.Divisions.
func (Divisions) Lookup(name string) []search.Division {
	var found []search.Division
	for _, d := range present(named(name)) {
		found = append(found, division(d))
	}
	return slices.DeleteFunc(found, func(d search.Division) bool { // the outer one says it all
		return slices.ContainsFunc(found, func(o search.Division) bool {
			return slices.ContainsFunc(d.Around, func(a search.Division) bool { return a.Code == o.Code })
		})
	})
}

// Near implements search.Divisions. Of a province the seat says too little: it is near nothing but itself.
func (Divisions) Near(code string, km int) []string {
	at := facts.Lookup(code)
	if at == nil {
		return nil
	}
	codes := []string{code}
	for _, d := range facts.All() {
		if d.Current() && d.Level != facts.Province && d.Code != code && facts.Distance(at, d) <= float64(km) {
			codes = append(codes, d.Code)
		}
	}
	return codes
}

// Begin implements search.Divisions.
func (Divisions) Begin(prefix string, most int) []search.Division {
	pinyin := strings.ReplaceAll(strings.ToLower(prefix), " ", "")
	if pinyin == "" {
		return nil
	}
	var list []*facts.Division
	for _, d := range facts.All() {
		if d.Current() && (strings.HasPrefix(d.Name, prefix) || strings.HasPrefix(d.Pinyin, pinyin) || strings.HasPrefix(d.Code, pinyin)) {
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(a, b *facts.Division) int { return cmp.Compare(a.Level, b.Level) })
	var found []search.Division
	for _, d := range list[:min(most, len(list))] {
		found = append(found, division(d))
	}
	return found
}

// Division is the present division with a code, false if there is none.
func (Divisions) Division(code string) (search.Division, bool) {
	d := facts.Lookup(code)
	if d == nil {
		return search.Division{}, false
	}
	return division(d), true
}

func division(d *facts.Division) search.Division {
	v := search.Division{Code: d.Code, Name: d.Name, English: d.English()}
	for p := d.Parent(); p != nil; p = p.Parent() {
		v.Around = append([]search.Division{{Code: p.Code, Name: p.Name, English: p.English()}}, v.Around...)
	}
	return v
}

// present are those of some divisions that stand today, or else what stands in their place, each once. A place keeps its name
// beside an abolished one of the same name, whose successor may be all of the province.
func present(list []*facts.Division) (now []*facts.Division) {
	add := func(d *facts.Division) {
		if d != nil && d.Current() && !slices.Contains(now, d) {
			now = append(now, d)
		}
	}
	for _, d := range list {
		add(d)
	}
	if len(now) > 0 {
		return now
	}
	for _, d := range list {
		for _, code := range d.Next {
			add(facts.Lookup(code))
		}
	}
	return now
}

// named are what a name stands for that may have the names of what is around it before it, or behind it as in English.
func named(name string) []*facts.Division {
	if found := alone(name); len(found) > 0 {
		return found
	}
	parts := strings.Fields(name)
	if strings.ContainsAny(name, ",、") {
		parts = strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == '、' })
	}
	if len(parts) > 1 {
		if found := chain(parts); len(found) > 0 {
			return found
		}
		slices.Reverse(parts)
		return chain(parts)
	}
	runes := []rune(name)
	if len(runes) > 40 || !unicode.Is(unicode.Han, append(runes, 0)[0]) {
		return nil
	}
	for i := min(len(runes)-2, 12); i >= 2; i-- { // 福建省|泉州市丰泽区
		outer := facts.Named(string(runes[:i]))
		if len(outer) == 0 {
			continue
		}
		if found := inside(named(string(runes[i:])), outer); len(found) > 0 {
			return found
		}
	}
	return nil
}

// alone are what a name stands for by itself, in English with every rank.
func alone(name string) (found []*facts.Division) {
	if found = facts.Named(name); len(found) > 0 {
		return found
	}
	name = strings.ToLower(strings.TrimSpace(name))
	for _, d := range facts.All() {
		if (strings.HasPrefix(name, d.Pinyin) || d.Level == facts.Province) && strings.ToLower(d.English()) == name {
			found = append(found, d)
		}
	}
	return found
}

// chain is what the last name means within what those before mean.
func chain(names []string) []*facts.Division {
	found := alone(names[0])
	for _, name := range names[1:] {
		found = inside(alone(name), found)
	}
	return found
}

func inside(list, outer []*facts.Division) []*facts.Division {
	return slices.DeleteFunc(list, func(d *facts.Division) bool { return !slices.ContainsFunc(outer, d.Within) })
}
