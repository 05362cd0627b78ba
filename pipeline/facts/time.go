package facts

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// read is an interval and the rune behind its words.
type read struct {
	Dates
	to    int
	exact bool // a day that a time of day can make finer
	void  bool // the words name a day that there is none of
}

// times are the moments and ages that the text names.
func (r *reader) times() ([]Moment, []AgeFact) {
	var ms []Moment
	var ages []ageRead
	nearness := map[Span]int{}
	first := beginnings()
	here, regions := r.posted, r.forwarded()
	var there time.Time
	if len(regions) > 0 {
		there = r.firstPosted()
	}
	for i := 0; i < len(r.runes) && len(ms)+len(ages) < most; {
		c := r.runes[i]
		r.posted, r.undated = here, false
		for _, q := range regions {
			if i >= q[0] && i < q[1] {
				r.undated = there.IsZero()
				if !r.undated {
					r.posted = there
				}
			}
		}
		if !digit(c) && !first[c] && (!letter(c) || letter(r.rune(i-1))) {
			i++
			continue
		}
		if a, ok := r.age(i); ok {
			ages = append(ages, a)
			i = max(i+1, a.to)
			continue
		}
		m, ok := r.moment(i)
		if !ok {
			i = r.pastNumber(i)
			continue
		}
		span := r.span(i, m.to)
		if m.void || !r.posted.IsZero() && m.From.After(r.posted.Add(day)) {
			i = max(i+1, m.to)
			continue
		}
		if r.filed(i, m.to) {
			ms = append(ms, Moment{m.Dates, Other, span})
		} else if r.born(i, m.to) {
			ages = append(ages, ageRead{from: i, to: m.to, born: m.Dates, isBirth: true})
			ms = append(ms, Moment{m.Dates, From, span})
		} else {
			said, near := r.role(i, m.to)
			nearness[span] = near
			ms = append(ms, Moment{m.Dates, [...]Role{unsaid: "", seen: Seen, lost: Lost, from: "", other: ""}[said], span})
		}
		i = max(i+1, m.to)
	}
	r.posted, r.undated = here, false
	slices.SortStableFunc(ms, func(a, b Moment) int {
		return cmp.Or(cmp.Compare(a.Role.order(), b.Role.order()), cmp.Compare(nearness[b.Words], nearness[a.Words]))
	})
	return ms, r.childAges(ages, ms)
}

// beginnings are the characters an age or a time may begin with, besides
// digits and Latin words.
var beginnings = sync.OnceValue(func() map[rune]bool {
	m := map[rune]bool{}
	for _, r := range "民甲乙丙丁戊己庚辛壬癸一二三四五六七八九十两〇零半几大昨今前去上本这正腊冬闰农阴旧春除元端中重清国儿劳周星礼刚现目近最年暑寒夏秋虚满当凌早下晚傍深圣平情妇教小光双过新出初婴未不属才脐百学寻噚尋琴立谷火约" {
		m[r] = true
	}
	for r := range festivalNames() {
		m[r] = true
	}
	return m
})

// forwarded are the parts of the text that somebody wrote on another day:
// what follows //@ and RT @, and longer words in quotation marks.
func (r *reader) forwarded() [][2]int {
	var parts [][2]int
	open := -1
	for i, c := range r.runes {
		switch {
		case c == '/' && r.has(i, "//@"), c == 'r' && r.has(i, "rt @"):
			return append(parts, [2]int{i, len(r.runes)})
		case c == '“':
			open = i
		case c == '”' && open >= 0:
			if i-open > 9 {
				parts = append(parts, [2]int{open, i})
			}
			open = -1
		}
	}
	return parts
}

// firstPosted is the day on which the forwarded words were posted first, where
// the text says it.
func (r *reader) firstPosted() time.Time {
	for i, c := range r.runes {
		if !digit(c) || digit(r.rune(i-1)) {
			continue
		}
		if m, ok := r.moment(i); ok && !m.void && r.filed(i, m.to) {
			return m.From
		}
	}
	for i, c := range r.runes {
		if c == 'p' && r.has(i, "posted ") {
			if m, ok := r.moment(i + len("posted ")); ok && !m.void {
				return m.From
			}
		}
	}
	return time.Time{}
}

// filed reports that the time at runes i to j is of a notice or a file, not of
// what happened.
func (r *reader) filed(i, j int) bool {
	if n, _ := r.any(r.blank(j), "发布", "发帖日", "发帖时间", "公告", "登记", "注册", "上传", "报案", "立案", "转发", "发，", "（北京时间）发"); n > 0 {
		if m, _ := r.any(r.blank(j)+n, "日期", "时间", "于", "："); m == 0 {
			return true
		}
	}
	before := string(r.runes[max(0, i-8):i])
	for _, w := range []string{"发布日期", "发布于", "发布时间", "发帖日", "发帖时间", "注册日期", "注册时间", "登记日期", "登记时间", "公告", "原微博", "原文", "报案时间", "posted", "更新时间", "上传时间", "有效期", "截至", "截止"} {
		if k := strings.LastIndex(before, w); k >= 0 && !strings.ContainsAny(before[k:], "，。,；;\n") {
			return true
		}
	}
	return false
}

// pastNumber is the next rune to look at: numbers are read whole or not at all.
func (r *reader) pastNumber(i int) int {
	if digit(r.rune(i)) {
		for digit(r.rune(i)) {
			i++
		}
		return i
	}
	if letter(r.rune(i)) {
		for letter(r.rune(i)) {
			i++
		}
		return i
	}
	return i + 1
}

// born reports that the time at runes i to j is that of a birth.
func (r *reader) born(i, j int) bool {
	if n, _ := r.any(r.blank(j), "出生", "生人", "生的", "生日", "的生日", "降生"); n > 0 {
		if n, _ := r.any(r.blank(j), "出生日期", "出生年月", "出生时间", "生日：", "生日:", "出生："); n == 0 {
			return true
		}
	}
	if r.rune(j) == '生' && !strings.ContainsRune("活病意存气", r.rune(j+1)) {
		return true
	}
	start := max(0, i-9)
	before := string(r.runes[start:i])
	for _, w := range []string{"出生", "生于", "生日", "出生证", "born", "birth", "dob", "生辰", "b. ", "turned", "turns"} {
		if k := strings.LastIndex(before, w); k >= 0 && !strings.ContainsAny(strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(before[k+len(w):]), "on"), "in"), " :："), "。！？\n，,;； ") {
			return true
		}
	}
	return false
}

// moment reads a time that begins at rune i.
func (r *reader) moment(i int) (read, bool) {
	m, ok := r.englishDay(i)
	if !ok {
		m, ok = r.day(i)
	}
	if !ok || m.void {
		return m, ok
	}
	// A range: 3月5日至8日, 2008年到2009年.
	k := r.blank(m.to)
	if n, _ := r.any(k, "至", "到", "—", "–", "~", "～", "-", "--"); n > 0 {
		v, to, isNumber := r.num(r.blank(k + n))
		if l, _ := r.any(to, "日", "号"); isNumber && m.exact && l > 0 {
			if e, ok := solar(m.From.Year(), int(m.From.Month()), v); ok && e.To.After(m.From) {
				return read{Dates: Dates{m.From, e.To}, to: to + l}, true
			}
		} else if e, ok := r.day(r.blank(k + n)); ok && e.To.After(m.From) && e.From.Sub(m.From) < 20*366*24*time.Hour {
			return read{Dates: Dates{m.From, e.To}, to: e.to}, true
		}
	}
	if m.exact {
		base := m
		m = r.hour(m)
		// Who writes on a Tuesday morning of "Tuesday evening" means the last one.
		if n, _ := r.any(i, "周", "星期", "礼拜", "on ", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"); n > 0 && base.From == oneDay(r.posted).From && m.From.After(r.posted) {
			m.From, m.To = m.From.AddDate(0, 0, -7), m.To.AddDate(0, 0, -7)
		}
	}
	if n, _ := r.any(m.to, "左右", "前后", "上下", "许"); n > 0 {
		m.to += n
		slack := m.To.Sub(m.From) / 2
		if m.To.Sub(m.From) >= 23*time.Hour {
			slack = max(slack, 3*24*time.Hour)
		}
		m.From, m.To = m.From.Add(-slack), m.To.Add(slack)
	}
	return m, true
}

// day reads a day, or what is coarser.
func (r *reader) day(i int) (read, bool) {
	if m, ok := r.relative(i); ok {
		return m, true
	}
	if y, to, lunarly, ok := r.year(i); ok {
		if m, ok := r.inYear(y, r.skip(to), lunarly); ok {
			return m, true
		}
		d, ok := solar(y, 0, 0)
		if n, w := r.any(to, "底", "末", "尾", "初"); n > 0 && ok && r.rune(to+1) != '中' {
			if w < 3 {
				return read{Dates: months(y, 11, 13), to: to + n}, true
			}
			if _, _, isNumber := r.num(to + 1); !isNumber {
				return read{Dates: months(y, 1, 3), to: to + n}, true
			}
		}
		if n, _ := r.any(to, "左右", "前后"); n > 0 && ok {
			return read{Dates: Dates{d.From.AddDate(-1, 0, 0), d.To.AddDate(1, 0, 0)}, to: to + n}, true
		}
		return read{Dates: d, to: to}, ok
	}
	if m, ok := r.decade(i); ok {
		return m, true
	}
	// Dates with marks: 2011-01-25.
	if m, ok := r.marked(i); ok {
		return m, true
	}
	if r.posted.IsZero() {
		return read{}, false
	}
	c := r.rune(i)
	if _, numeral := oneDigit(c); !numeral && festivalNames()[c] == nil && !strings.ContainsRune("十两廿农阴旧古公阳新闰正腊冬初", c) {
		return read{}, false
	}
	// Without a year it is the last one that had begun.
	y := r.posted.Year() + 1
	for back := range 4 {
		m, ok := r.inYear(y, i, false)
		if ok && m.void && back < 3 {
			y--
			continue
		}
		if ok && (m.void || !m.From.After(r.posted)) {
			if m.To.Sub(m.From) > 31*24*time.Hour && m.To.After(r.posted) {
				m.To = oneDay(r.posted).To
			}
			return m, true
		}
		y--
	}
	if m, ok := r.lunarDayOnly(i); ok {
		return m, true
	}
	return r.dayOfMonth(i)
}

// lunarDayOnly reads 初三: the last one that had come.
func (r *reader) lunarDayOnly(i int) (read, bool) {
	day, to, ok := r.num(i + 1)
	if r.rune(i) != '初' || !ok || day < 1 || day > 10 || digit(r.rune(i+1)) || r.rune(i-1) == '月' {
		return read{}, false
	}
	if n, _ := r.any(to, "中", "年级", "学", "班", "（", "次", "步"); n > 0 && r.rune(to) != '（' {
		return read{}, false
	}
	y := lunarYearOf(r.posted)
	best := read{}
	for month := 1; month <= 12; month++ {
		if d, ok := lunar(y, month, day, false); ok && !d.From.After(r.posted) {
			best = read{Dates: d, to: to, exact: true}
		}
	}
	return best, best.to > 0 && r.posted.Sub(best.From) < 45*24*time.Hour
}

// decade reads 九十年代初 and 80年代, those of the last century.
func (r *reader) decade(i int) (read, bool) {
	ten, to, ok := r.num(i)
	if !ok || ten < 50 || ten > 90 || ten%10 != 0 || !r.has(to, "年代") || digit(r.rune(i-1)) {
		return read{}, false
	}
	to += 2
	first, last := 1900+ten, 1900+ten+10
	if n, w := r.any(to, "初期", "初", "早期", "中期", "中", "末期", "末", "后期", "晚期"); n > 0 {
		to += n
		switch {
		case w < 3:
			last = first + 4
		case w < 5:
			first, last = first+3, first+8
		default:
			first += 6
		}
	}
	at := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, zone) }
	return read{Dates: Dates{at(first), at(last)}, to: to}, true
}

// skip passes over what may stand between a year and a month.
func (r *reader) skip(i int) int {
	for {
		switch r.rune(i) {
		case ' ', '的', '、', '.', '-', '/':
			i++
		default:
			return i
		}
	}
}

// year reads 2008年, 08年, 二〇〇八年, 去年. Of a relative year lunarly tells
// whether it is meant in the lunar calendar.
func (r *reader) year(i int) (y, to int, relative, ok bool) {
	if !r.posted.IsZero() {
		for k, words := range [][]string{{"今年", "本年", "当年"}, {"去年", "上年", "头年"}, {"前年"}, {"大前年"}} {
			if n, w := r.any(i, words...); n > 0 {
				if _, end, ok := r.num(i + n); words[w] == "当年" || ok && r.rune(end) == '岁' {
					return 0, 0, false, false
				}
				if n, _ := r.any(i+n, "的帖", "应该", "该", "大概", "已经", "的微博"); n > 0 {
					return 0, 0, false, false
				}
				return r.posted.Year() - k, i + n, true, true
			}
		}
	}
	if digit(r.rune(i - 1)) {
		return 0, 0, false, false
	}
	if r.has(i, "民国") {
		if v, to, ok := r.num(i + 2); ok && v > 0 && v < 200 && r.rune(to) == '年' {
			return 1911 + v, to + 1, false, true
		}
	}
	// 辛卯年: the last one that had begun.
	if stem, branch := strings.IndexRune("甲乙丙丁戊己庚辛壬癸", r.rune(i))/3, strings.IndexRune("子丑寅卯辰巳午未申酉戌亥", r.rune(i+1))/3; han(r.rune(i)) && strings.ContainsRune("甲乙丙丁戊己庚辛壬癸", r.rune(i)) && strings.ContainsRune("子丑寅卯辰巳午未申酉戌亥", r.rune(i+1)) && r.rune(i+2) == '年' && !r.posted.IsZero() {
		for y := lunarYearOf(r.posted); y > r.posted.Year()-61; y-- {
			if (y-4)%10 == stem && (y-4)%12 == branch {
				return y, i + 3, false, true
			}
		}
	}
	// Digits, Arabic or Chinese, one by one.
	v, n := 0, 0
	for n < 5 {
		d, ok := oneDigit(r.rune(i + n))
		if !ok {
			break
		}
		v = v*10 + d
		n++
	}
	if n != 4 && n != 2 || r.rune(r.blank(i+n)) != '年' {
		return 0, 0, false, false
	}
	to = r.blank(i+n) + 1
	if r.rune(to) == '级' || r.rune(to) == '前' && r.rune(to+1) != '后' || r.rune(to) == '后' && n == 2 || r.has(to, "以前") || r.has(to, "之前") || r.rune(to) == '多' {
		return 0, 0, false, false
	}
	if r.rune(to) == '代' {
		return 0, 0, false, false
	}
	if n == 2 {
		if !digit(r.rune(i)) {
			// 二十年 is a span and 零八年 a year.
			if c := r.rune(i); c != '零' && c != '〇' && c != '九' && c != '八' {
				return 0, 0, false, false
			}
		}
		limit := 30
		if !r.posted.IsZero() {
			limit = r.posted.Year()%100 + 1
		}
		if v <= limit {
			v += 2000
		} else if v >= 50 {
			v += 1900
		} else {
			return 0, 0, false, false
		}
	}
	if v < 1900 || v > 2100 {
		return 0, 0, false, false
	}
	if r.rune(to) == '份' {
		to++
	}
	return v, to, false, true
}

func oneDigit(c rune) (int, bool) {
	switch {
	case digit(c):
		return int(c - '0'), true
	case c == '〇' || c == '零' || c == '○':
		return 0, true
	}
	if k := strings.IndexRune("一二三四五六七八九", c); k >= 0 {
		return k/3 + 1, true
	}
	return 0, false
}

// num reads a number below a thousand, in digits or as it is spoken.
func (r *reader) num(i int) (v, to int, ok bool) {
	if digit(r.rune(i)) {
		to = i
		for digit(r.rune(to)) && to-i < 6 {
			v = v*10 + int(r.rune(to)-'0')
			to++
		}
		return v, to, !digit(r.rune(to))
	}
	to = i
	part, any := 0, false
	for {
		c := r.rune(to)
		d, isDigit := oneDigit(c)
		switch {
		case c == '两':
			part, any = 2, true
		case isDigit && d > 0 && (part == 0 || !any):
			part, any = d, true
		case c == '十' && v%100 == 0:
			v += 10 * max(1, part)
			part, any = 0, true
		case c == '百' && v == 0 && part > 0:
			v, part = 100*part, 0
		case c == '零' && v > 0:
		case c == '廿' && v == 0:
			v, any = 20, true
		case c == '卅' && v == 0:
			v, any = 30, true
		default:
			return v + part, to, any && to > i
		}
		to++
	}
}

// inYear reads what of a year is named at rune i: a month, a day, a season, a
// festival, in either calendar.
func (r *reader) inYear(y, i int, relative bool) (read, bool) {
	lunarly := false
	if n, _ := r.any(i, "农历", "阴历", "旧历", "古历"); n > 0 {
		lunarly = true
		i = r.blank(i + n)
		// 农历2006年三月
		if v, to, _, ok := r.year(i); ok {
			return r.lunarIn(v, to, true)
		}
	} else if n, _ := r.any(i, "公历", "阳历", "新历"); n > 0 {
		i = r.blank(i + n)
		if v, to, _, ok := r.year(i); ok {
			return r.inYear(v, r.skip(to), false)
		}
	}
	ly := y
	if relative && !r.posted.IsZero() {
		ly = y - r.posted.Year() + lunarYearOf(r.posted)
	}
	if m, ok := r.lunarIn(ly, i, lunarly); ok {
		return m, true
	}
	for _, n := range festivalNames()[r.rune(i)] {
		name, f := n.name, n.of
		if !r.has(i, name) || letter(rune(name[0])) && !r.boundary(i+len(name)) {
			continue
		}
		if len(name) == 3 && r.rune(i-1) != '年' || name == "3.15" && digit(r.rune(i-1)) { // 1995年秋
			continue
		}
		// 三月三日 and 年三十岁 are no festivals.
		if c := r.rune(i + utf8.RuneCountInString(name)); strings.ContainsRune("日号岁十", c) || numeralEnds(name) && isNumeral(c) {
			continue
		}
		if d, ok := f.in(y); ok {
			exact := d.To.Sub(d.From) == 24*time.Hour && f.before == 0 && f.after == 0
			to := i + len([]rune(name))
			if n, _ := r.any(to, "前后"); n > 0 {
				return read{Dates: Dates{d.From.AddDate(0, 0, -f.before-10), d.To.AddDate(0, 0, f.after+10)}, to: to + n}, true
			}
			if n, w := r.any(to, "前夕", "前几天", "前一天", "前", "后几天", "后第二天", "后"); n > 0 && d.To.Sub(d.From) < 40*24*time.Hour {
				switch w {
				case 0, 1, 3:
					return read{Dates: Dates{d.From.AddDate(0, 0, -14), d.From.AddDate(0, 0, 1)}, to: to + n}, true
				case 2:
					return read{Dates: oneDay(d.From.AddDate(0, 0, -1)), to: to + n, exact: true}, true
				case 4, 6:
					return read{Dates: Dates{d.From, d.To.AddDate(0, 0, 21)}, to: to + n}, true
				case 5:
					return read{Dates: oneDay(d.To), to: to + n, exact: true}, true
				}
			}
			return read{Dates: Dates{d.From.AddDate(0, 0, -f.before), d.To.AddDate(0, 0, f.after)}, to: to, exact: exact}, true
		}
	}
	month, to, ok := r.num(i)
	if !ok || month < 1 || month > 12 {
		return read{}, false
	}
	to = r.blank(to)
	if r.rune(to) != '月' {
		return read{}, false
	}
	to++
	if r.rune(to) == '份' {
		to++
	}
	return r.inMonth(y, month, to)
}

func isNumeral(c rune) bool {
	_, ok := oneDigit(c)
	return ok
}

func numeralEnds(name string) bool {
	c, _ := utf8.DecodeLastRuneInString(name)
	return c == '十' || isNumeral(c)
}

// inMonth reads what of a month is named.
func (r *reader) inMonth(y, month, to int) (read, bool) {
	d, ok := solar(y, month, 0)
	if !ok {
		return read{}, false
	}
	k := r.blank(to)
	for _, part := range []struct {
		word        string
		first, last int
	}{{"上旬", 1, 10}, {"中旬", 11, 20}, {"下旬", 21, 31}, {"初", 1, 10}, {"中", 10, 20}, {"底", 20, 31}, {"末", 20, 31}} {
		if r.has(k, part.word) {
			if part.word == "初" {
				if _, _, ok := r.num(k + 1); ok { // 三月初八 is lunar, and was read
					break
				}
			}
			from := d.From.AddDate(0, 0, part.first-1)
			end := d.From.AddDate(0, 0, part.last)
			if end.After(d.To) {
				end = d.To
			}
			return read{Dates: Dates{from, end}, to: k + len([]rune(part.word))}, true
		}
	}
	day, end, ok := r.num(k)
	if ok && day >= 1 && day <= 31 {
		end2 := r.blank(end)
		n, _ := r.any(end2, "日", "号")
		after := r.rune(end + n)
		if n > 0 || !digit(after) && after != '岁' && after != '个' && after != '月' && after != '年' && after != '点' && after != '时' && after != ':' {
			if n > 0 {
				end = end2 + n
			}
			if e, ok := solar(y, month, day); ok {
				// 7月20、21两天
				if v, to, ok := r.num(end + 1); ok && r.rune(end) == '、' {
					if n, _ := r.any(to, "日", "号", "两天"); n > 0 {
						if f, ok := solar(y, month, v); ok && f.From.After(e.From) {
							return read{Dates: Dates{e.From, f.To}, to: to + n}, true
						}
					}
				}
				return read{Dates: e, to: end, exact: true}, true
			}
			return read{Dates: d, to: end, void: true}, true
		}
	} else if n, _ := r.any(r.blank(end), "日", "号"); ok && n > 0 {
		return read{Dates: d, to: r.blank(end) + n, void: true}, true
	}
	return read{Dates: d, to: to}, true
}

// lunarIn reads a month or a day of the lunar year; certain if it was said to
// be lunar, else only what can be nothing else: 正月, 腊月廿三, 三月初八.
func (r *reader) lunarIn(y, i int, certain bool) (read, bool) {
	leap := false
	if r.rune(i) == '闰' {
		leap = true
		i++
	}
	month, to := 0, i
	if n, k := r.any(i, "正月", "腊月", "冬月"); n > 0 {
		month, to = [...]int{1, 12, 11}[k], i+n
	} else if v, end, ok := r.num(i); ok && r.rune(end) == '月' && v >= 1 && v <= 12 {
		month, to = v, end+1
	} else {
		if d, ok := lunar(y, 0, 0, false); ok && certain && to > i {
			return read{Dates: d, to: to}, true
		}
		return read{}, false
	}
	named := !strings.ContainsRune("一二三四五六七八九十0123456789", r.rune(i))
	if r.rune(to) == '份' {
		to++
	}
	k := to
	first := r.rune(k) == '初'
	if first {
		k++
	}
	day, end, ok := r.num(k)
	if ok && day >= 1 && day <= 30 && (!first || day <= 10) {
		twenties := r.rune(k) == '廿'
		n, _ := r.any(end, "日", "号")
		if first || twenties && n == 0 || certain || named || leap {
			if d, ok := lunar(y, month, day, leap); ok {
				return read{Dates: d, to: end + n, exact: true}, true
			}
			return read{}, false
		}
		return read{}, false
	}
	if !named && !certain && !leap {
		return read{}, false
	}
	d, ok := lunar(y, month, 0, leap)
	if ok && first { // 正月初
		d.To, to = d.From.AddDate(0, 0, 10), k
	} else if ok {
		if n, w := r.any(to, "底", "末", "里", "间"); n > 0 {
			to += n
			if w < 2 {
				d.From = d.From.AddDate(0, 0, 18)
			}
		}
	}
	return read{Dates: d, to: to}, ok
}

// marked reads 2011-01-25, 2011.1.25, 2011/1/25, 2011-01 and 20110125.
func (r *reader) marked(i int) (read, bool) {
	if digit(r.rune(i-1)) || r.rune(i-1) == '.' {
		return read{}, false
	}
	y, to, ok := r.num(i)
	if ok && to-i == 4 && y >= 1900 && y <= 2100 {
		mark := r.rune(to)
		if mark != '-' && mark != '.' && mark != '/' {
			return read{}, false
		}
		month, end, ok := r.num(to + 1)
		if !ok || month < 1 || month > 12 || end-to > 3 {
			return read{}, false
		}
		if r.rune(end) == mark {
			if day, end, ok := r.num(end + 1); ok && day >= 1 && day <= 31 {
				d, ok := solar(y, month, day)
				if r.rune(end) == 't' {
					end++
				}
				return read{Dates: d, to: end, exact: true}, ok
			}
		}
		d, ok := solar(y, month, 0)
		return read{Dates: d, to: end}, ok
	}
	if ok && to-i <= 2 && r.rune(to) == '/' {
		// 03/04/2012: both orders, if both have come.
		second, end, ok := r.num(to + 1)
		year, last, ok2 := r.num(end + 1)
		if !ok || !ok2 || r.rune(end) != '/' || last-end != 5 {
			return read{}, false
		}
		a, okA := solar(year, y, second)
		b, okB := solar(year, second, y)
		okA = okA && y > 0 && (r.posted.IsZero() || !a.From.After(r.posted))
		okB = okB && second > 0 && (r.posted.IsZero() || !b.From.After(r.posted))
		switch {
		case okA && okB && a != b:
			if b.From.Before(a.From) {
				a, b = b, a
			}
			return read{Dates: Dates{a.From, b.To}, to: last}, true
		case okA:
			return read{Dates: a, to: last, exact: true}, true
		case okB:
			return read{Dates: b, to: last, exact: true}, true
		}
		return read{}, false
	}
	if n := 8; !ok || to-i > 6 {
		v := 0
		for k := range n {
			c := r.rune(i + k)
			if !digit(c) {
				return read{}, false
			}
			v = v*10 + int(c-'0')
		}
		if digit(r.rune(i + n)) {
			return read{}, false
		}
		d, ok := solar(v/10000, v/100%100, v%100)
		if v/100%100 == 0 || v%100 == 0 {
			ok = false
		}
		return read{Dates: d, to: i + n, exact: true}, ok
	}
	return read{}, false
}

// dayOfMonth reads 25号 and 25日: the last one that has come.
func (r *reader) dayOfMonth(i int) (read, bool) {
	day, to, ok := r.num(i)
	if !ok || day < 1 || day > 31 {
		return read{}, false
	}
	if c := r.rune(to); c != '日' && c != '号' {
		return read{}, false
	}
	// Houses, lines, gates, beds have numbers too.
	if n, _ := r.any(to+1, "线", "楼", "院", "店", "门", "出口", "口", "铺", "桥", "床", "馆", "公寓", "厂", "矿", "车", "码", "仓", "井", "馆", "地铁", "大院"); n > 0 {
		return read{}, false
	}
	if c := r.rune(i - 1); c == '第' || strings.ContainsRune("路街巷道弄村队组栋幢-—", c) || r.rune(i-1) != 0 && digit(r.rune(i-1)) {
		return read{}, false
	}
	for back := range 3 {
		y, m := r.posted.Year(), int(r.posted.Month())-back
		if m < 1 {
			y, m = y-1, m+12
		}
		if d, ok := solar(y, m, day); ok && !d.From.After(r.posted) {
			return read{Dates: d, to: to + 1, exact: true}, true
		}
	}
	return read{}, false
}

// relative reads what refers to the day of the post.
func (r *reader) relative(i int) (read, bool) {
	if r.posted.IsZero() || r.undated {
		return read{}, false
	}
	if c := r.rune(i); c < '一' { // digits and Latin words
		return r.ago(i)
	} else if _, numeral := oneDigit(c); numeral {
		return r.ago(i)
	}
	p := r.posted
	at := func(days int) Dates { return oneDay(p.AddDate(0, 0, days)) }
	night := func(d Dates, from, to int) Dates {
		return Dates{d.From.Add(time.Duration(from) * time.Hour), d.From.Add(time.Duration(to) * time.Hour)}
	}
	for _, w := range []struct {
		word     string
		days     int
		from, to int // hours, where the word says so
	}{
		{"琴晚", -1, 17, 30}, {"噚晚", -1, 17, 30}, {"寻晚", -1, 17, 30}, {"昨夕", -1, 16, 30}, {"昨宵", -1, 17, 30}, {"前夜", -2, 17, 30}, {"今天凌晨", 0, 0, 6}, {"琴日", -1, 0, 0}, {"尋日", -1, 0, 0}, {"寻日", -1, 0, 0}, {"噚日", -1, 0, 0}, {"昨午", -1, 10, 15}, {"今朝", 0, 4, 11}, {"今午", 0, 10, 15}, {"大前天", -3, 0, 0}, {"前天晚上", -2, 17, 30}, {"前天夜里", -2, 19, 30}, {"前天", -2, 0, 0}, {"前日", -2, 0, 0}, {"前晚", -2, 17, 30}, {"昨天晚上", -1, 17, 30}, {"昨天夜里", -1, 19, 30}, {"昨天", -1, 0, 0}, {"昨日", -1, 0, 0},
		{"昨儿", -1, 0, 0}, {"昨晚上", -1, 17, 30}, {"昨晚", -1, 17, 30}, {"昨夜", -1, 19, 30}, {"昨早", -1, 4, 11}, {"今天", 0, 0, 0}, {"今日", 0, 0, 0}, {"今儿", 0, 0, 0}, {"今早", 0, 4, 11}, {"今晨", 0, 3, 10}, {"今晚", 0, 17, 30}, {"今夜", 0, 19, 30}, {"当天", 0, 0, 0}, {"今个", 0, 0, 0},
	} {
		if !r.has(i, w.word) {
			continue
		}
		if w.word == "当天" {
			return read{}, false
		}
		d, to := at(w.days), i+len([]rune(w.word))
		if w.to > 0 {
			// 昨晚8点 is finer still.
			return r.clockAfter(read{Dates: d, to: to, exact: true}, night(d, w.from, w.to), w.from >= 12), true
		}
		return read{Dates: d, to: to, exact: true}, true
	}
	monday := -(int(p.Weekday()) + 6) % 7
	week := func(i int) (weekday, to int, ok bool) {
		k := strings.IndexRune("一二三四五六日天", r.rune(i))
		if k < 0 {
			return 0, i, false
		}
		return min(k/3, 6), i + 1, true
	}
	for _, w := range []struct {
		word  string
		weeks int
	}{{"上上周", -2}, {"上上个星期", -2}, {"上上星期", -2}, {"上个星期", -1}, {"上星期", -1}, {"上个礼拜", -1}, {"上礼拜", -1}, {"上周", -1}, {"本周", 0}, {"这周", 0}, {"这个星期", 0}, {"这星期", 0}, {"这个礼拜", 0}, {"周", 99}, {"星期", 99}, {"礼拜", 99}} {
		if !r.has(i, w.word) {
			continue
		}
		to := i + len([]rune(w.word))
		day, end, ok := week(to)
		if r.has(to, "末") {
			d := Dates{at(monday + 7*min(w.weeks, 0) + 5).From, at(monday + 7*min(w.weeks, 0) + 6).To}
			if w.weeks >= 0 && d.From.After(p) {
				d = Dates{d.From.AddDate(0, 0, -7), d.To.AddDate(0, 0, -7)}
			}
			return read{Dates: d, to: to + 1}, true
		}
		switch {
		case ok && w.weeks == 99:
			if han(r.rune(i-1)) && !strings.ContainsRune("在于是的，", r.rune(i-1)) && w.word == "周" { // a surname, or 一周一次
				return read{}, false
			}
			d := at(monday + day)
			if d.From.After(p) {
				d = at(monday + day - 7)
			}
			return read{Dates: d, to: end, exact: true}, true
		case ok:
			return read{Dates: at(monday + 7*w.weeks + day), to: end, exact: true}, true
		case w.weeks != 99:
			return read{Dates: Dates{at(monday + 7*w.weeks).From, at(monday + 7*w.weeks + 6).To}, to: to}, true
		}
		return read{}, false
	}
	for _, w := range []struct {
		word   string
		months int
	}{{"上上个月", -2}, {"上个月", -1}, {"上月", -1}, {"这个月", 0}, {"本月", 0}, {"这月", 0}} {
		if r.has(i, w.word) {
			first := time.Date(p.Year(), p.Month()+time.Month(w.months), 1, 0, 0, 0, 0, zone)
			m, ok := r.inMonth(first.Year(), int(first.Month()), i+len([]rune(w.word)))
			return m, ok
		}
	}
	for _, w := range []struct {
		word     string
		from, to time.Duration
	}{
		{"刚才", -6 * time.Hour, 0}, {"刚刚", -12 * time.Hour, 0}, {"前几天", -12 * day, -day}, {"前些天", -15 * day, -day}, {"前两天", -4 * day, -day}, {"前阵子", -60 * day, -3 * day}, {"前段时间", -90 * day, -3 * day}, {"几天前", -10 * day, -day}, {"这几天", -7 * day, 0}, {"这两天", -4 * day, 0},
		{"近几天", -7 * day, 0}, {"最近几天", -7 * day, 0}, {"最近", -45 * day, 0}, {"近日", -20 * day, 0}, {"近期", -60 * day, 0}, {"几个月前", -300 * day, -50 * day}, {"几年前", -10 * 366 * day, -365 * day}, {"几周前", -60 * day, -10 * day}, {"前几年", -8 * 366 * day, -365 * day},
		{"半个月前", -22 * day, -10 * day}, {"半个小时前", -time.Hour, 0}, {"半小时前", -time.Hour, 0}, {"半年前", -240 * day, -120 * day}, {"十几年前", -20 * 366 * day, -10 * 365 * day}, {"十几天前", -20 * day, -10 * day}, {"上午前", 0, 0},
	} {
		if r.has(i, w.word) && w.from < 0 {
			from, to := p.Add(w.from), p.Add(w.to+time.Minute)
			if w.from <= -day {
				from, to = oneDay(from).From, oneDay(p.Add(w.to)).To
			}
			return read{Dates: Dates{from, to}, to: i + len([]rune(w.word))}, true
		}
	}
	return r.ago(i)
}

const day = 24 * time.Hour

// ago reads 三天前, 两年前, 一个多月前.
func (r *reader) ago(i int) (read, bool) {
	v, to, ok := r.num(i)
	if !ok || v < 1 {
		return read{}, false
	}
	lo, hi := v, v
	if w, end, ok := r.num2(i); ok { // 两三天前
		lo, hi, to = w[0], w[1], end
	}
	more := false
	if r.rune(to) == '多' || r.rune(to) == '来' {
		more = true
		to++
	}
	n, unit := r.any(to, "个小时", "小时", "天", "日", "个星期", "星期", "个礼拜", "礼拜", "周", "个月", "个多月", "年", "分钟", "个半小时", "个半月", "年多", "天多", "个多小时", "小时多")
	if n == 0 {
		return read{}, false
	}
	to += n
	switch unit {
	case 10, 13, 14, 15, 16, 17, 18:
		more = true
	}
	n, _ = r.any(to, "多以前", "多前", "以前", "之前", "前")
	if n == 0 || r.has(to, "前后") {
		return read{}, false
	}
	to += n
	p := r.posted
	if more {
		hi++
	}
	d := Dates{}
	exact := false
	switch unit {
	case 0, 1, 13, 17, 18:
		d = Dates{p.Add(-time.Duration(hi)*time.Hour - 30*time.Minute), p.Add(-time.Duration(lo)*time.Hour + 30*time.Minute)}
		if hi > 24*30 {
			return read{}, false
		}
	case 12:
		d = Dates{p.Add(-time.Duration(min(hi, 600))*time.Minute - 10*time.Minute), p.Add(-time.Duration(min(lo, 600))*time.Minute + 10*time.Minute)}
	case 2, 3, 16:
		if hi > 4000 {
			return read{}, false
		}
		d = Dates{oneDay(p.AddDate(0, 0, -hi)).From, oneDay(p.AddDate(0, 0, -lo)).To}
		if exact = lo == hi && lo < 10; !exact {
			d.From = d.From.AddDate(0, 0, -hi/10)
			d.To = d.To.AddDate(0, 0, lo/10)
		}
	case 4, 5, 6, 7, 8:
		if hi > 500 {
			return read{}, false
		}
		d = Dates{oneDay(p.AddDate(0, 0, -7*hi-3)).From, oneDay(p.AddDate(0, 0, -7*lo+3)).To}
	case 9, 10, 14:
		if hi > 400 {
			return read{}, false
		}
		d = Dates{oneDay(p.AddDate(0, -hi, -15)).From, oneDay(p.AddDate(0, -lo, 15)).To}
	case 11, 15:
		if hi > 100 {
			return read{}, false
		}
		// Three years ago is a year of the calendar, give or take some months.
		d = Dates{p.AddDate(-hi, -8, 0), p.AddDate(-lo, 8, 0)}
		d = Dates{oneDay(d.From).From, oneDay(d.To).To}
	}
	if d.To.After(oneDay(p).To) {
		d.To = oneDay(p).To
	}
	return read{Dates: d, to: to, exact: exact}, true
}

// num2 reads two numbers in a row that count up: 三四, 十三四, 七八.
func (r *reader) num2(i int) ([2]int, int, bool) {
	base, k := 0, i
	if r.rune(k) == '十' {
		base, k = 10, k+1
	} else if d, ok := oneDigit(r.rune(k)); ok && d > 0 && !digit(r.rune(k)) && r.rune(k+1) == '十' {
		base, k = 10*d, k+2
	}
	spoken := func(c rune) (int, bool) {
		if c == '两' {
			return 2, true
		}
		if digit(c) {
			return 0, false
		}
		return oneDigit(c)
	}
	a, ok1 := spoken(r.rune(k))
	b, ok2 := spoken(r.rune(k + 1))
	if !ok1 || !ok2 || b != a+1 && !(a == 3 && b == 5) || a == 0 {
		return [2]int{}, i, false
	}
	return [2]int{base + a, base + b}, k + 2, true
}

// The times of a day, in hours, as people use the words.
var hours = []struct {
	words    []string
	from, to int
	late     bool // the hour is of the afternoon
}{
	{[]string{"凌晨", "after midnight", "dawn", "at dawn"}, 0, 6, false}, {[]string{"一大早", "大清早", "大早上", "早上", "早晨", "清晨", "早"}, 4, 11, false}, {[]string{"上午", "上晝", "上昼", "in the morning", "morning"}, 5, 13, false},
	{[]string{"中午", "正午", "noon", "at noon", "around noon", "midday", "lunchtime"}, 10, 15, false}, {[]string{"下午", "午后", "下晝", "下昼", "in the afternoon", "afternoon"}, 12, 19, true}, {[]string{"傍晚", "黄昏", "天黑", "天快黑", "dusk", "at dusk"}, 16, 21, true},
	{[]string{"晚上", "夜里", "夜晚", "当晚", "晚间", "深夜", "晚", "夜", "in the evening", "evening", "at night", "night"}, 17, 30, true}, {[]string{"半夜", "午夜", "后半夜"}, -2, 30, false},
}

// hour makes a day finer by the time that stands behind it.
func (r *reader) hour(m read) read {
	k := r.blank(m.to)
	if r.rune(k) == '的' {
		k++
	}
	for _, h := range hours {
		if n, w := r.any(k, h.words...); n > 0 {
			if letter(r.rune(k)) && !r.boundary(k+n) {
				continue
			}
			if h.words[w] == "早" || h.words[w] == "晚" || h.words[w] == "夜" {
				if c := r.rune(k + n); !digit(c) && c != '，' && c != '在' && c != ',' && c != '八' && c != '九' && c != '十' && c != '七' && c != '六' {
					continue
				}
			}
			d := Dates{m.From.Add(time.Duration(h.from) * time.Hour), m.From.Add(time.Duration(h.to) * time.Hour)}
			return r.clockAfter(read{Dates: m.Dates, to: k + n, exact: true}, d, h.late)
		}
	}
	return r.clockAfter(m, m.Dates, false)
}

// clockAfter reads an hour behind a day; without one the time of day is d.
func (r *reader) clockAfter(m read, d Dates, late bool) read {
	k := r.blank(m.to)
	if n, _ := r.any(k, "大约", "大概", "约", "at about ", "around ", "at ", "about "); n > 0 {
		k = r.blank(k + n)
	}
	none := read{Dates: d, to: m.to}
	v, to, ok := r.num(k)
	if !ok || v > 24 {
		return none
	}
	minute, width := 0, time.Hour
	said := d != m.Dates || to-k == 2 && digit(r.rune(k)) // which half of the day
	pair, end2, two := r.num2(k)
	switch {
	case two && (r.rune(end2) == '点'): // 三四点
		v, to = pair[0], end2+1
		width = 2 * time.Hour
	case r.rune(to) == '点' || r.rune(to) == '时' && !r.has(to, "时候"):
		to++
		if r.rune(to) == '钟' {
			to++
		}
		if r.rune(to) == '半' {
			minute, width, to = 30, 30*time.Minute, to+1
		} else if n, _ := r.any(to, "多", "左右", "许", "过后", "过"); n > 0 {
			to += n
		} else if q, end, ok := r.num(to); ok && q < 60 && (r.rune(end) == '分' || r.rune(end) == '刻' || end-to == 2) {
			minute, width, to = q, 15*time.Minute, end
			if r.rune(end) == '刻' {
				minute = 15 * q
			}
			if c := r.rune(end); c == '分' || c == '刻' {
				to++
			}
		}
	case r.rune(to) == ':' || r.rune(to) == '：':
		q, end, ok := r.num(to + 1)
		if !ok || q > 59 {
			return none
		}
		minute, width, to = q, 15*time.Minute, end
		if r.rune(end) == ':' {
			if _, e, ok := r.num(end + 1); ok {
				to = e
			}
		}
	default:
		n, w := r.any(r.blank(to), "am", "a.m.", "pm", "p.m.", "o'clock")
		if n == 0 {
			return none
		}
		to = r.blank(to) + n
		late, said = w == 2 || w == 3, true
	}
	if n, w := r.any(r.blank(to), "pm", "p.m.", "am", "a.m."); n > 0 {
		to = r.blank(to) + n
		late, said = late || w < 2, true
	}
	if late && v < 12 {
		v += 12
		if v < 15 && d.From.Hour() >= 17 { // 晚上1点 is after midnight
			v += 12
		}
	} else if v == 12 && d.From.Hour() >= 17 {
		v = 24
	}
	noon := d.From.Hour() == 10 && d.To.Hour() == 15
	if noon && v < 4 {
		v += 12
	}
	// Hours are said roughly.
	at := m.From.Add(time.Duration(v)*time.Hour + time.Duration(minute)*time.Minute)
	if n, _ := r.any(to, "左右", "许", "前后", "多"); n > 0 {
		to += n
		width = max(width, time.Hour)
	}
	end := at.Add(width)
	switch night := !d.From.After(m.From.Add(-time.Hour)) || r.rune(m.to-1) == '里' || r.rune(m.to-1) == '夜'; {
	case !said && v > 0 && v < 12: // 昨天3点 may be in the afternoon
		end = end.Add(12 * time.Hour)
	case night && v < 6: // 5日半夜两点 may be of the night to the 6th
		end = end.Add(day)
	case night && v > 24 && v < 30: // and the other way round
		at = at.Add(-day)
	}
	// 7点到9点
	if n, _ := r.any(to, "到", "至", "-", "~", "～", "—"); n > 0 {
		if last, k, ok := r.num(to + n); ok && last <= 24 && (r.rune(k) == '点' || r.rune(k) == '时') {
			if last < v%12 || v >= 12 && last < 12 {
				last += 12
			}
			if e := m.From.Add(time.Duration(last)*time.Hour + width); e.After(end) {
				end, to = e, k+1
			}
		}
	}
	return read{Dates: Dates{at.Add(-width), end}, to: to}
}
