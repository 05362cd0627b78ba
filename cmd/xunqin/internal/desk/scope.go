package desk

import (
	"database/sql"
	"regexp"
	"strings"
	"time"

	"xunqin/pipeline/record"
	"xunqin/pipeline/redact"
)

// Sets of roles that many routes name.
func volunteers() []record.Role { return []record.Role{record.Volunteer, record.Reviewer} }
func reviewers() []record.Role  { return []record.Role{record.Reviewer} }
func activists() []record.Role  { return []record.Role{record.Activist} }

// readers are those who are told of something.
func readers() []record.Role {
	return []record.Role{record.Activist, record.Volunteer, record.Reviewer}
}

// theirs reports whether a person's work covers what lies at a place. A reviewer's covers everything, as does that of a volunteer
// who was given no area; a place that nobody wrote down is everybody's. Otherwise the place must lie in the area. Every page asks
// this function and no other; what a volunteer has taken is theirs wherever it lies.
func theirs(u record.User, place string) bool {
	if u.Is(record.Reviewer) {
		return true
	}
	if !u.Is(record.Volunteer) {
		return false
	}
	area, place := plainPlace(u.Area), plainPlace(place)
	if area == "" || place == "" {
		return true
	}
	if hasHan.MatchString(area) {
		return strings.HasPrefix(place, area)
	}
	return place == area || strings.HasSuffix(place, ","+area) // English goes from the small to the large
}

// everywhere reports whether a person's work covers every place. To others, counts would tell of what lies outside theirs.
func everywhere(u record.User) bool {
	return u.Is(record.Reviewer) || u.Is(record.Volunteer) && plainPlace(u.Area) == ""
}

var (
	hasHan = regexp.MustCompile(`\p{Han}`)
	ranks  = strings.NewReplacer("特别行政区", "", "壮族自治区", "", "回族自治区", "", "维吾尔自治区", "", "自治区", "", "省", "", "市", "")
	commas = regexp.MustCompile(`\s*,\s*`)
)

// plainPlace makes 福建泉州 and 福建省泉州市 one.
func plainPlace(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if hasHan.MatchString(s) {
		return ranks.Replace(strings.TrimPrefix(strings.Join(strings.Fields(s), ""), "中国"))
	}
	return commas.ReplaceAllString(strings.TrimSuffix(strings.TrimSuffix(s, "china"), ", "), ",")
}

// recent is how long where something was seen counts as where the child is now: nobody reads it finer than a county.
const recent = 24 * time.Hour

// reading is what the person may read of something written at an instant, which is theirs or not.
func (p *Page) reading(at time.Time, own bool) redact.View {
	reviewer := p.User.Is(record.Reviewer)
	return redact.View{ShowContacts: reviewer, ShowStreet: (reviewer || own) && p.s.Now().Sub(at) > recent}
}

// words is a text from outside as the person may read it.
func (p *Page) words(text string, at time.Time, own bool) string {
	return redact.Text(text, p.reading(at, own))
}

// masked is a text from outside in a list, where nobody reads contacts or streets: they are on the page of the thing, which is logged.
func masked(text string) string { return redact.Text(text, redact.View{}) }

// clipped is the beginning of a long text, for lists.
func clipped(text string) string {
	const most = 300 // characters
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// place is a place as the person may read it: whole for whom it is theirs, to the county for other volunteers, to the province
// for all others.
func (p *Page) place(place string, at time.Time, own bool) string {
	switch v := p.reading(at, own); {
	case v.ShowStreet:
		return redact.Text(place, v)
	case p.User.Is(record.Volunteer), p.User.Is(record.Reviewer):
		return redact.Place(place, redact.County)
	}
	return redact.Place(place, redact.Province)
}

// viewed notes that the person looked at an object.
func (p *Page) viewed(action, object, detail string) error {
	return p.Change(func(tx *sql.Tx) error { return p.Audit(tx, action, object, detail) })
}
