package search

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The language, one for the desk, the commands, the API and saved queries:
//
//	query = all { "or" all }        or, 或, 或者, 或是: weaker than "all of them"
//	all   = term { term }           a document must satisfy every term
//	term  = { "-" } ( "(" query ")" | field ":" value | quoted | word )
//
// A word ends at white space, a bracket or a quotation mark, and is found as it is
// written: 左脸胎记 finds these four characters in a row, 左脸 胎记 both anywhere.
// Quotation marks keep white space inside. Full-width and curly forms of ( ) : - "
// count as the plain ones. A minus is a Not only where a term begins.
//
// 或 needs no space around it, being an operator in 泉州或晋江, except in the words 或许,
// 或缺, 或然 and 或多或少 and where nothing is before it. A Chinese field name, or any
// field name behind a Chinese word, needs no space before it: 男孩地点:泉州, 地点:泉州年龄:3.
// A Chinese value that is one of a few needs none before a digit: 性别:女3岁.
//
// Words of nothing but punctuation are left out. An empty query accepts everything.
//
// The fields, with their Chinese names, and what they accept:
//
//	place 地点   a division and all below it, by name, pinyin or code; of a name that several
//	            share, each; a name that is no division is looked for in the words of the place
//	near 附近    a division and how far from its seat: near:广州,50km
//	age 年龄     years lived, or months, at the time of the event: 3, 3..6, 6m..18m, 6个月
//	born 出生    a birth: 2006, 2006-05, 2006..2008
//	date 日期    the time of the event, else of the document: 2011, 2011-01..2011-02-10
//	posted 发布  the time of the document alone, in the same way
//	sex 性别     m or f
//	source 来源, kind 类型, status 状态, has 有
//
// What is known of an event is often a range: three to five years, between two days, a
// prefecture. A field accepts a document if what it asks for is possible, and one of
// which nothing is known never; its minus accepts both what is impossible and what is
// not known.

// Limits of a query, on the text and on the tree made of it.
const (
	MaxRunes = 2000
	MaxTerms = 200
	MaxDepth = 12
)

// fields are the names that may stand before a colon.
var fields = map[string]string{
	"place": "place", "地点": "place",
	"near": "near", "附近": "near",
	"age": "age", "年龄": "age",
	"born": "born", "出生": "born",
	"date": "date", "日期": "date",
	"posted": "posted", "发布": "posted",
	"sex": "sex", "性别": "sex",
	"source": "source", "来源": "source",
	"kind": "kind", "类型": "kind",
	"has": "has", "有": "has",
	"status": "status", "状态": "status",
}

// values are what stands for itself behind a field; of status and source there are others.
var values = map[string]map[string]Query{
	"kind": {
		"post": Kind(KindPost), "帖子": Kind(KindPost),
		"report": Kind(KindReport), "登记": Kind(KindReport),
		"notice": Kind(KindNotice), "公告": Kind(KindNotice),
	},
	"has": {"photo": HasPhoto{}, "照片": HasPhoto{}},
	"sex": {
		"m": Sex(Male), "male": Sex(Male), "boy": Sex(Male), "男": Sex(Male), "男孩": Sex(Male), "男童": Sex(Male),
		"f": Sex(Female), "female": Sex(Female), "girl": Sex(Female), "女": Sex(Female), "女孩": Sex(Female), "女童": Sex(Female),
	},
	"status": {
		"open": Status("open"), "进行中": Status("open"),
		"closed": Status("closed"), "已结案": Status("closed"),
	},
}

// Distances of near.
const (
	MaxKm     = 500
	defaultKm = 50 // where none is written
)

// Parse reads a query. Any error is a *ParseError. Without d no place is a division.
func Parse(s string, d Divisions) (q Query, err error) {
	p := &parser{src: []rune(s), divisions: d}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*ParseError)
			if !ok {
				panic(r)
			}
			q, err = nil, e
		}
	}()
	if len(p.src) > MaxRunes {
		p.fail(MaxRunes, TooLong, strconv.Itoa(MaxRunes))
	}
	for i, r := range p.src {
		if unicode.IsControl(r) && !blankRune(r) {
			p.fail(i, Unprintable, fmt.Sprintf("U+%04X", r))
		}
	}
	q = p.or(0)
	if p.pos < len(p.src) {
		p.fail(p.pos, NotOpened)
	}
	if q == nil {
		if strings.TrimSpace(fold(s)) != "" {
			p.fail(0, NothingToFind)
		}
		q = And{}
	}
	// What is saved is q.String(), which must be readable too.
	if n := len([]rune(q.String())); n > MaxRunes {
		p.fail(len(p.src), TooLong, strconv.Itoa(MaxRunes))
	}
	return q, nil
}

// A parser reads from src at pos. Its methods panic with the *ParseError that
// Parse returns; a term that says nothing is a nil Query.
type parser struct {
	src       []rune
	divisions Divisions
	pos       int
	terms     int
}

func (p *parser) fail(offset int, code Code, args ...string) {
	panic(&ParseError{Offset: offset, Code: code, Args: args})
}

func (p *parser) or(depth int) Query {
	if depth > MaxDepth {
		p.fail(p.pos, TooDeep, strconv.Itoa(MaxDepth))
	}
	var parts Or
	for {
		q, any := p.and(depth)
		p.skip()
		n := p.operator(p.pos)
		if !any && n > 0 {
			p.fail(p.pos, OrLeft)
		}
		if sub, ok := q.(Or); ok {
			parts = append(parts, sub...)
		} else if q != nil {
			parts = append(parts, q)
		}
		if n == 0 {
			break
		}
		p.pos += n
		if p.skip(); p.at(p.pos) == 0 || p.at(p.pos) == ')' {
			p.fail(p.pos, OrRight)
		}
	}
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	return parts
}

// and reads terms up to an operator, a closing bracket or the end, and reports
// whether there were any.
func (p *parser) and(depth int) (q Query, any bool) {
	var parts And
	for {
		p.skip()
		if c := p.at(p.pos); c == 0 || c == ')' || p.operator(p.pos) > 0 && (any || p.alone(p.pos)) {
			break
		}
		switch q := p.term(depth).(type) {
		case nil:
		case And:
			parts = append(parts, q...)
		default:
			parts = append(parts, q)
		}
		any = true
	}
	switch len(parts) {
	case 0:
		return nil, any
	case 1:
		return parts[0], any
	}
	return parts, any
}

func (p *parser) term(depth int) Query {
	start := p.pos
	switch p.at(start) {
	case '-':
		p.pos++
		if c := p.at(p.pos); c == 0 || c == ')' || blankRune(c) {
			return nil // a dash between words
		}
		if depth >= MaxDepth {
			p.fail(start, TooDeep, strconv.Itoa(MaxDepth))
		}
		if q := p.term(depth + 1); q != nil {
			return Not{q}
		}
		return nil
	case '(':
		p.pos++
		if p.skip(); p.at(p.pos) == ')' {
			p.fail(start, GroupEmpty)
		}
		q := p.or(depth + 1)
		if p.at(p.pos) != ')' {
			p.fail(start, NotClosed)
		}
		p.pos++
		return q
	case '"':
		return p.text(p.quoted(), start)
	}
	end := p.wordEnd(start)
	if name, at, colon, ok := p.field(start, end); ok {
		if at > start { // 男孩地点:泉州
			p.pos = at
			return p.text(string(p.src[start:at]), start)
		}
		p.pos = colon + 1
		return p.value(name, start)
	}
	p.pos = end
	return p.text(string(p.src[start:end]), start)
}

func (p *parser) text(s string, start int) Query {
	if !says(s) {
		return nil
	}
	p.count(start)
	return Text(s)
}

func (p *parser) count(start int) {
	if p.terms++; p.terms > MaxTerms {
		p.fail(start, TooManyTerms, strconv.Itoa(MaxTerms))
	}
}

func says(s string) bool { words, _ := Tokens(s); return len(words) > 0 }

// quoted reads from an opening to the next quotation mark, and past it.
func (p *parser) quoted() string {
	start := p.pos
	for p.pos++; p.at(p.pos) != '"'; p.pos++ {
		if p.pos >= len(p.src) {
			p.fail(start, QuoteNotClosed)
		}
	}
	p.pos++
	return strings.TrimSpace(string(p.src[start+1 : p.pos-1]))
}

// wordEnd is where the word that begins at start ends.
func (p *parser) wordEnd(start int) int {
	i := start
	for i < len(p.src) && (i == start || !p.edge(i) && (p.at(i) != '或' || p.operator(i) == 0)) {
		if p.has(i, "或多或少") {
			i += 3
		}
		i++
	}
	return i
}

// field finds the field whose colon is in src[start:end]: its name, where the
// name begins and where its colon is.
func (p *parser) field(start, end int) (name string, at, colon int, ok bool) {
	for colon = start; colon < end && p.at(colon) != ':'; colon++ {
	}
	if colon == start || colon == end || p.has(colon+1, "//") {
		return "", 0, 0, false
	}
	for at = max(start, colon-6); at < colon; at++ { // the longest name first
		name, ok = fields[fold(string(p.src[at:colon]))]
		glued := colon-at > 1 && (isDense(p.src[at]) || at > 0 && isDense(p.src[at-1])) // 没有: is not 有:
		if ok && (at == start || glued) {
			return name, at, colon, true
		}
	}
	for i := start; i < colon; i++ {
		if !unicode.IsLetter(p.src[i]) && p.src[i] != '_' {
			return "", 0, 0, false // 10:30
		}
	}
	p.fail(start, FieldUnknown, string(p.src[start:colon]))
	return
}

// value reads what follows the colon of a field.
func (p *parser) value(name string, start int) Query {
	p.skip()
	from := p.pos
	var v string
	quoted := p.at(from) == '"'
	switch c := p.at(from); {
	case quoted:
		v = p.quoted()
	case name == "date", name == "born", name == "posted", name == "age":
		for p.rangeRune(name, p.pos) {
			p.pos++
		}
		v = string(p.src[from:p.pos])
		if v == "" && c != 0 && c != '(' && c != ')' {
			v = string(p.src[from:p.valueEnd(from)])
		}
	case c != 0 && c != '(' && c != ')':
		p.pos = p.valueEnd(from)
		v = string(p.src[from:p.pos])
	}
	if !says(v) {
		p.fail(from, ValueMissing, name)
	}
	p.count(start)
	switch name {
	case "place":
		if codes := p.lookup(v); len(codes) > 0 {
			return Within{Name: v, Codes: codes}
		}
		return Place(v)
	case "near":
		return p.near(v, from)
	case "age":
		return p.age(v, from)
	case "born":
		return Born(p.date(name, v, from))
	case "posted":
		return Posted(p.date(name, v, from))
	case "date":
		return p.date(name, v, from)
	}
	q, ok := values[name][fold(v)]
	switch {
	case ok:
		return q
	case name == "source":
		return Source(v)
	case name == "status":
		return Status(v)
	}
	if runes := []rune(v); !quoted {
		for n := len(runes) - 1; n > 0; n-- { // 女3岁
			q, ok := values[name][fold(string(runes[:n]))]
			if !ok || !isDense(runes[n-1]) {
				continue
			}
			if !unicode.IsDigit(runes[n]) {
				p.fail(from+n, ValueGlued, name, string(runes[:n]), string(runes[n:]))
			}
			p.pos = from + n
			return q
		}
	}
	p.fail(from, ValueUnknown, name, v)
	return nil
}

// valueEnd is where a value that begins at start ends: with the word, or before a field that needs no space.
func (p *parser) valueEnd(start int) int {
	end := p.wordEnd(start)
	for colon := start + 2; colon < end; colon++ {
		if p.at(colon) != ':' || p.has(colon+1, "//") {
			continue
		}
		for at := max(start+1, colon-6); at < colon-1; at++ {
			if _, ok := fields[fold(string(p.src[at:colon]))]; ok && (isDense(p.src[at]) || isDense(p.src[at-1])) {
				return at
			}
		}
	}
	return end
}

// lookup is the codes of what a name stands for.
func (p *parser) lookup(name string) (codes []string) {
	if p.divisions == nil {
		return nil
	}
	for _, d := range p.divisions.Lookup(fold(name)) {
		codes = append(codes, d.Code)
	}
	return codes
}

var nearPattern = regexp.MustCompile(`^(.*?)\s*(?:[,、;]\s*(\d+)\s*(?:km|公里|千米)?|(\d+)\s*(?:km|公里|千米))$`)

// nearWeight is how many terms a near counts as: it asks for a thousand places.
const nearWeight = 20

func (p *parser) near(v string, from int) Query {
	q := Near{Name: fold(v), Km: defaultKm}
	if m := nearPattern.FindStringSubmatch(q.Name); m != nil {
		n, err := strconv.Atoi(m[2] + m[3]) // one of them is empty
		if err != nil || n < 1 || n > MaxKm {
			p.fail(from, DistanceBad, strconv.Itoa(MaxKm))
		}
		q.Name, q.Km = m[1], n
	}
	if q.Around = p.lookup(q.Name); len(q.Around) == 0 {
		p.fail(from, PlaceUnknown, q.Name)
	}
	for range nearWeight - 1 {
		p.count(from)
	}
	for _, code := range q.Around {
		q.Seats = append(q.Seats, p.divisions.Near(code, q.Km)...)
	}
	slices.Sort(q.Seats)
	q.Seats = slices.Compact(q.Seats)
	return q
}

var agePattern = regexp.MustCompile(`^(\d{1,4})(?:(岁|周岁|y|yr|yrs|year|years)|(个月|月|m|mo|month|months))?$`)

// age reads an age or two of them with .. between, of which one may be missing.
func (p *parser) age(s string, offset int) Query {
	from, to, isRange := strings.Cut(dots(fold(s), "-"), "..")
	if !isRange {
		to = from
	}
	if from == "" && to == "" {
		p.fail(offset, ValueMissing, "age")
	}
	lowest := agePattern.FindStringSubmatch(from)
	highest := agePattern.FindStringSubmatch(to)
	if from != "" && lowest == nil {
		p.fail(offset, AgeBad, from)
	}
	if to != "" && highest == nil {
		p.fail(offset, AgeBad, to)
	}
	var q Age
	size := func(m []string) int {
		if m[3] != "" {
			return 1
		}
		return 12
	}
	if highest != nil {
		n, _ := strconv.Atoi(highest[1]) // the pattern lets only digits through
		if q.To = (n + 1) * size(highest); q.To > MaxAge+1 {
			p.fail(offset, AgeBad, to)
		}
	}
	if lowest != nil {
		unit := lowest
		if lowest[2]+lowest[3] == "" && highest != nil { // 6..18个月
			unit = highest
		}
		n, _ := strconv.Atoi(lowest[1])
		if q.From = n * size(unit); q.From > MaxAge {
			p.fail(offset, AgeBad, from)
		}
	}
	if q.To > 0 && q.From >= q.To {
		p.fail(offset, AgeReversed, from, to)
	}
	return q
}

// dots writes what else may stand between two ends as two dots.
func dots(s string, more ...string) string {
	for _, to := range append(more, "~", "至", "到") {
		s = strings.ReplaceAll(s, to, "..")
	}
	return s
}

// rangeRune reports whether what stands at i can be part of a date or an age.
func (p *parser) rangeRune(name string, i int) bool {
	c := p.at(i)
	if name == "age" {
		for _, r := range fold(string(c)) {
			if c == 0 || !('0' <= r && r <= '9') && !('a' <= r && r <= 'z') && !strings.ContainsRune("-.~岁周个月至到", r) {
				return false
			}
		}
		return c != 0
	}
	return '0' <= c && c <= '9' || c != 0 && strings.ContainsRune("-/.~年月日号至到", c)
}

var datePattern = regexp.MustCompile(`^([1-9]\d{3})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})[日号]?|月)?|年)?$`)

// date reads a day, a month, a year, or two of these with .. between them, of which
// one may be missing.
func (p *parser) date(field, s string, offset int) Date {
	from, to, isRange := strings.Cut(dots(strings.Map(syntax, s)), "..")
	if !isRange {
		to = from
	}
	var d Date
	var okFrom, okTo bool
	if d.From, _, okFrom = days(from); !okFrom && from != "" {
		p.fail(offset, DateBad, from)
	}
	if _, d.To, okTo = days(to); !okTo && to != "" {
		p.fail(offset, DateBad, to)
	}
	if from == "" && to == "" {
		p.fail(offset, ValueMissing, field)
	}
	if okFrom && okTo && !d.From.Before(d.To) {
		p.fail(offset, DateReversed, from, to)
	}
	return d
}

// days gives the beginning and end of a day, month or year.
func days(s string) (from, to time.Time, ok bool) {
	m := datePattern.FindStringSubmatch(s)
	if m == nil {
		return from, to, false
	}
	n := [3]int{0, 1, 1}
	for i := range n {
		if m[i+1] != "" {
			n[i], _ = strconv.Atoi(m[i+1]) // the pattern lets only digits through
		}
	}
	from = time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	if from.Month() != time.Month(n[1]) || from.Day() != n[2] { // 30 February
		return time.Time{}, to, false
	}
	switch {
	case m[2] == "":
		to = from.AddDate(1, 0, 0)
	case m[3] == "":
		to = from.AddDate(0, 1, 0)
	default:
		to = from.AddDate(0, 0, 1)
	}
	return from.Add(-offset), to.Add(-offset), true
}

// operator is the length of the "or" at i, 0 if there is none.
func (p *parser) operator(i int) int {
	if p.at(i) != '或' {
		end := i
		for end < len(p.src) && end < i+3 && !p.edge(end) {
			end++
		}
		if end == i+2 && fold(string(p.src[i:end])) == "or" {
			return 2
		}
		return 0
	}
	for _, word := range []string{"或许", "或缺", "或然", "或多或少"} {
		if p.has(i, word) {
			return 0
		}
	}
	if p.has(i, "或者") || p.has(i, "或是") {
		return 2
	}
	return 1
}

// alone reports whether the operator at i touches no word, so that it can be
// nothing but an operator.
func (p *parser) alone(i int) bool { return p.edge(i + p.operator(i)) }

// edge reports whether a word cannot go on at i.
func (p *parser) edge(i int) bool {
	c := p.at(i)
	return c == 0 && i >= len(p.src) || blankRune(c) || c == '(' || c == ')' || c == '"'
}

func (p *parser) has(i int, s string) bool {
	r := []rune(s)
	return i+len(r) <= len(p.src) && slices.Equal(p.src[i:i+len(r)], r)
}

// skip passes white space and characters nobody sees.
func (p *parser) skip() {
	for p.pos < len(p.src) && (blankRune(p.src[p.pos]) || invisible(p.src[p.pos])) {
		p.pos++
	}
}

func blankRune(r rune) bool { return unicode.IsSpace(r) || r == 0 }

// at is the character at i as the language sees it, 0 after the end.
func (p *parser) at(i int) rune {
	if i >= len(p.src) {
		return 0
	}
	return syntax(p.src[i])
}

// syntax gives the plain form of what the language uses, in whatever width or style.
func syntax(r rune) rune {
	switch r {
	case '“', '”', '„', '‟', '＂', '「', '」', '『', '』':
		return '"'
	case '－', '−', '﹣':
		return '-'
	case '：', '﹕', '∶':
		return ':'
	case '～', '〜':
		return '~'
	}
	if '！' <= r && r <= '｝' { // the full-width forms of ASCII
		switch c := r - '！' + '!'; {
		case '0' <= c && c <= '9', c == '(', c == ')', c == '.', c == '/':
			return c
		}
	}
	return r
}
