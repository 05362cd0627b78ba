package facts

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// An ageRead is an age where it stands in the text.
type ageRead struct {
	from, to int
	min, max int   // months
	born     Dates // of a birthday
	isBirth  bool
	zodiac   int // of the year of birth, from 1 for the rat
	when     int // to what it refers: atPost, atLoss, unsaid
}

const (
	atPost = iota + 1
	atLoss
)

const oldest = 100

var (
	guesses = []string{"大概", "大约", "看上去", "看起来", "看样子", "看着", "目测", "估计", "貌似", "好像", "约莫", "差不多", "年约", "年龄约", "也就", "应该", "可能", "似乎", "像是", "约", "about ", "around ", "approximately ", "approx ", "approx. ", "roughly ", "maybe ", "perhaps ", "looks ", "looked ", "look ", "nearly ", "almost ", "some ", "appears ", "estimated ", "probably "}
	vague   = []string{"左右", "上下", "来岁", "的样子", "样子", "模样", "光景", "大小", " or so", "ish"}
)

// wordAges are ages without a number, in months.
var wordAges = []struct {
	word     string
	min, max int
}{
	{"才生下来", 0, 1}, {"刚生下", 0, 1}, {"脐带", 0, 1}, {"半个月", 0, 1}, {"百日", 2, 4}, {"百天", 2, 4}, {"小学一年级", 6 * 12, 8*12 - 1}, {"新生儿", 0, 1}, {"新生婴儿", 0, 1}, {"刚出生", 0, 1}, {"出生不久", 0, 3}, {"未满周岁", 0, 11}, {"不满周岁", 0, 11}, {"不到一岁", 0, 11}, {"不足一岁", 0, 11}, {"未满一岁", 0, 11}, {"满月", 0, 1}, {"半岁", 4, 8}, {"半周岁", 4, 8}, {"几个月大", 2, 11}, {"几个月的", 2, 11}, {"十来岁", 8 * 12, 13*12 + 11}, {"十几岁", 11 * 12, 19*12 + 11}, {"十多岁", 10 * 12, 16*12 + 11},
	{"几岁", 2 * 12, 9*12 + 11}, {"大班", 5 * 12, 6*12 + 11}, {"中班", 4 * 12, 5*12 + 11}, {"学前班", 5 * 12, 7*12 - 1}, {"初一", 12 * 12, 14*12 - 1}, {"初二", 13 * 12, 15*12 - 1}, {"初三", 14 * 12, 16*12 - 1},
}

// age reads an age that begins at rune i.
func (r *reader) age(i int) (ageRead, bool) {
	if letter(r.rune(i)) {
		return r.englishAge(i, i)
	}
	a := ageRead{from: i}
	k := i
	nominal := false // 虚岁
	if n, _ := r.any(k, "虚岁", "虚龄", "虚"); n > 0 {
		nominal, k = true, k+n
		if r.rune(k) == '：' || r.rune(k) == ':' {
			k++
		}
	} else if n, _ := r.any(k, "周岁", "实岁"); n > 0 {
		k += n
	}
	if r.rune(k) == '刚' || r.rune(k) == '才' || r.rune(k) == '未' || r.rune(k) == '不' {
		if n, _ := r.any(k, "刚满月", "未满月", "不满月"); n > 0 {
			return ageRead{from: i, to: k + n, min: 0, max: 1}, true
		}
	}
	for _, w := range wordAges {
		if r.has(i, w.word) {
			switch w.word {
			case "半个月", "百日", "百天":
				if !r.infant(i) || r.rune(i+len([]rune(w.word))) == '前' {
					return a, false
				}
			case "初一", "初二", "初三":
				if n, _ := r.any(i+2, "学生", "女生", "男生", "年级", "（", "的学", "上学", "，女", "，男"); n == 0 && !r.labelled(i, "上", "读", "念") {
					return a, false
				}
			case "大班", "中班":
				if !r.labelled(i, "幼儿园", "上", "读") {
					return a, false
				}
			case "几岁":
				if r.labelled(i, "问") {
					return a, false
				}
			}
			to := i + len([]rune(w.word))
			if n, _ := r.any(to, "时", "的时候", "酒"); n > 0 && w.word == "满月" {
				return a, false
			}
			if w.word == "几岁" && (r.rune(i-1) == '十' || r.rune(to) == '了') {
				return a, false
			}
			if c := r.rune(i - 1); c == '好' || c == '十' && w.word[0] != "十"[0] {
				return a, false
			}
			return r.aged(ageRead{from: i, to: to, min: w.min, max: w.max}), true
		}
	}
	if digit(r.rune(k-1)) || r.rune(k-1) == '.' && digit(r.rune(k-2)) {
		return a, false
	}
	if g, end, ok := r.num(k); ok && end-k == 2 && digit(r.rune(k)) && r.rune(end) == '后' && g%5 == 0 {
		if g += 1900; g < 1950 {
			g += 100
		}
		years := 10
		if g%10 == 5 {
			years = 5
		}
		first, ok1 := solar(g, 0, 0)
		return ageRead{from: i, to: end + 1, isBirth: true, born: Dates{first.From, first.From.AddDate(years, 0, 0)}}, ok1
	}
	if z := strings.IndexRune("鼠牛虎兔龙蛇马羊猴鸡狗猪", r.rune(i+1)); r.rune(i) == '属' && z >= 0 && !r.posted.IsZero() {
		return ageRead{from: i, to: i + 2, zodiac: z/3 + 1}, true
	}
	lo, to, ok := r.num(k)
	hi := lo
	if pair, end, is := r.num2(k); is {
		lo, hi, to, ok = pair[0], pair[1], end, true
	} else if ok {
		mid := to
		if n, _ := r.any(mid, "岁到", "岁至", "岁-", "岁~", "岁～", "个月到", "个月至", "个月-"); n > 0 {
			mid += n
		} else if n, _ := r.any(mid, "-", "~", "～", "—", "–", "到", "至", "、", "或", "/"); n > 0 {
			mid += n
		}
		if mid > to {
			if v, end, ok := r.num(mid); ok && v > lo && v-lo < 12 {
				if n, _ := r.any(end, "岁", "周岁", "个月", "个多月"); n > 0 {
					hi, to = v, end
				}
			}
		}
	}
	if !ok || lo > oldest {
		if !digit(r.rune(i)) {
			return a, false
		}
		return r.englishAge(i, i)
	}
	after := r.blank(to)
	half := false
	if r.has(after, "多岁") || r.has(after, "来岁") || r.has(after, "几岁") {
		if hi >= 10 && r.rune(after) == '几' {
			lo, hi = lo+1, hi+9
		} else if hi >= 20 {
			hi += 9
		} else if r.rune(after) == '来' {
			lo, hi = max(0, lo-2), hi+3
		} else if hi == 10 {
			hi += 6
		}
		after++
	}
	if r.has(after, "周岁") || r.has(after, "虚岁") {
		nominal = nominal || r.rune(after) == '虚'
		a.to = after + 2
		if nominal {
			a.min, a.max = 12*max(0, lo-2), 12*max(0, hi-1)+11
		} else {
			a.min, a.max = 12*lo, 12*hi+11
			k := a.to
			if c := r.rune(k); c == '零' || c == '又' {
				k++
			}
			if m, end, ok := r.num(k); ok && m < 12 && r.has(end, "个月") {
				a.min, a.max, a.to = 12*lo+m-1, 12*lo+m+1, end+2
			}
		}
		return r.aged(a), true
	}
	if n, _ := r.any(after, "年级"); n > 0 && lo >= 1 && hi <= 6 {
		a.to = after + n
		a.min, a.max = 12*(lo+5), 12*(hi+7)-1
		return r.aged(a), true
	}
	if n, _ := r.any(after, "sui", "碎", "嵗"); n > 0 && lo <= 17 {
		a.to, a.min, a.max = after+n, 12*lo, 12*hi+11
		return r.guessed(a, lo == hi), true
	}
	if r.labelled(i, "年龄", "年纪", "岁数") && lo > 0 && hi <= 17 && r.rune(after) != '岁' {
		if n, _ := r.any(after, "个", "月", "天", "年", "周"); n == 0 {
			a.to, a.min, a.max = to, 12*lo, 12*hi+11
			return r.guessed(a, lo == hi), true
		}
	}
	switch {
	case r.rune(after) == '岁':
		a.to = after + 1
		if r.rune(after+1) == '数' || r.rune(after+1) == '月' && !digit(r.rune(after+2)) {
			return a, false
		}
		a.min, a.max = 12*lo, 12*hi+11
		if r.rune(a.to) == '半' {
			a.to++
			half = true
			a.min, a.max = 12*lo+2, 12*lo+11
		} else if m, end, ok := r.num(a.to); ok && m < 12 && r.has(end, "个月") {
			a.min, a.max, a.to = 12*lo+m-1, 12*lo+m+1, end+2
			half = true
		} else if r.rune(a.to) == '零' || r.rune(a.to) == '又' {
			if m, end, ok := r.num(a.to + 1); ok && m < 12 && r.has(end, "个月") {
				a.min, a.max, a.to, half = 12*lo+m-1, 12*lo+m+1, end+2, true
			}
		}
		if r.rune(a.to) == '多' || r.rune(a.to) == '大' {
			half = half || r.rune(a.to) == '多'
			a.to++
		}
		if nominal {
			a.min, a.max = 12*max(0, lo-2), 12*max(0, hi-1)+11
			if half {
				a.max += 6
			}
			return r.aged(a), true
		}
		return r.guessed(a, lo == hi && !half), true
	case nominal:
		a.to = to
		a.min, a.max = 12*max(0, lo-2), 12*max(0, hi-1)+11
		return r.aged(a), r.rune(i) == '虚' && r.rune(i+1) != '弱'
	case r.has(after, "个月") || r.has(after, "个多月") || r.has(after, "月大") || r.has(after, "个半月"):
		a.to = after + 2
		if r.rune(after) == '个' && r.rune(after+1) != '月' {
			a.to = after + 3
		}
		// Of an age, not of a time: 五个月大, 五个月的婴儿.
		tail := r.blank(a.to)
		if n, _ := r.any(tail, "大", "的女", "的男", "的婴", "的孩", "的宝", "女婴", "男婴", "婴儿", "左右的", "左右，", "左右大", "的小", "多大", "的弃", "宝宝", "，男", "，女", "岁"); n == 0 && r.rune(to) != '月' && !r.guess(i) {
			return a, false
		}
		if n, _ := r.any(a.to, "前", "后", "以前", "之前", "来", "没", "了"); n > 0 || lo > 48 {
			return a, false
		}
		a.min, a.max = max(0, lo-1), hi+1
		if r.guess(i) || lo == hi && r.has(a.to, "左右") {
			a.min, a.max = max(0, lo-2), hi+3
		}
		if r.rune(a.to) == '大' {
			a.to++
		}
		return r.aged(a), true
	case (r.has(after, "天") || r.has(after, "日")) && lo < 100 && r.infant(i) && (r.guess(i) || r.has(i-2, "出生") || r.has(i-1, "才")) && !r.has(after+1, "前"):
		return r.aged(ageRead{from: i, to: after + 1, min: max(0, (lo-5)/31), max: (hi+5)/28 + 1}), true
	case r.has(after, "周大") || r.has(after, "周的") || r.has(after, "星期大"):
		n, _ := r.any(after, "周大", "周的", "星期大")
		return r.aged(ageRead{from: i, to: after + n, min: max(0, (lo-1)/5), max: hi/4 + 1}), lo < 60
	case r.has(after, "天大") || r.has(after, "天的女婴") || r.has(after, "天的男婴") || r.has(after, "天的婴") || r.has(after, "多天大"):
		a.to = after + 2
		return r.aged(ageRead{from: i, to: a.to, min: lo / 31, max: hi/28 + 1}), lo < 300
	}
	return r.englishAge(i, i)
}

// infant reports that the sentence around rune i speaks of an infant.
func (r *reader) infant(i int) bool {
	for k := max(0, i-30); k < min(len(r.runes), i+20); k++ {
		if n, _ := r.any(k, "婴", "弃", "早产"); n > 0 {
			return true
		}
	}
	return false
}

// guess reports that a word before rune i says that the number is a guess.
func (r *reader) guess(i int) bool {
	for _, w := range guesses {
		n := len([]rune(w))
		for gap := range 4 { // 看上去有七八岁
			if r.has(i-n-gap, w) && i-n-gap >= 0 && !slices.ContainsFunc(r.runes[i-gap:i], func(c rune) bool { return strings.ContainsRune("，。,.；; ", c) }) {
				return true
			}
		}
	}
	return false
}

// guessed widens an age by what people guess wrong: a year up to seven, two
// up to thirteen, three above. An age in whole years may be the nominal one.
func (r *reader) guessed(a ageRead, single bool) ageRead {
	slack := 12
	if a.max >= 14*12 {
		slack = 36
	} else if a.max >= 8*12 {
		slack = 24
	}
	n, _ := r.any(a.to, vague...)
	guess := r.guess(a.from) || n > 0
	a.to += n
	if guess || single && r.roleOf(a.from, a.to) == seen {
		a.min, a.max = a.min-slack, a.max+slack
	} else if single {
		a.min -= 12
	}
	a.min = max(0, a.min)
	return r.aged(a)
}

// aged says to what day an age refers.
func (r *reader) aged(a ageRead) ageRead {
	k := r.blank(a.to)
	start, _ := r.clause(a.from)
	before := string(r.runes[max(start, a.from-6):a.from])
	switch {
	case strings.Contains(before, "现年"), strings.Contains(before, "今年"), strings.Contains(before, "现在"), strings.Contains(before, "如今"), strings.Contains(before, "现已"), strings.Contains(before, "now"), strings.Contains(before, "已经"), strings.Contains(before, "至今"):
		a.when = atPost
	case strings.Contains(before, "时年"), strings.Contains(before, "当时"), strings.Contains(before, "走失时"), strings.Contains(before, "失踪时"), strings.Contains(before, "丢失时"), strings.Contains(before, "被拐时"), strings.Contains(before, "那年"):
		a.when = atLoss
	default:
		if n, _ := r.any(k, "时被", "时走", "时失", "时丢", "时在", "时候", "的时候", "那年", "时，", "时,", "时与", "时于", "时由", "时从"); n > 0 {
			a.when = atLoss
		} else if r.roleOf(a.from, a.to) == lost {
			a.when = atLoss
		}
	}
	return a
}

// englishAge reads "about 5 years old", "5-year-old", "aged 5", "18 months old".
func (r *reader) englishAge(i, from int) (ageRead, bool) {
	a := ageRead{from: from}
	if w, to := r.word(i); w == "aged" || w == "age" {
		k := r.blank(to)
		if n, _ := r.any(k, ": ", ":", "about ", "of ", "around "); n > 0 {
			k += n
		}
		v, end, ok := r.count(k)
		if !ok || v > oldest || k == to || v == 0 {
			return a, false
		}
		a.to, a.min, a.max = end, 12*v, 12*v+11
		if n, _ := r.any(end, "-", " to ", "–"); n > 0 {
			if hi, e, ok := r.count(end + n); ok && hi > v && hi < v+10 {
				a.to, a.max = e, 12*hi+11
			}
		}
		if n, _ := r.any(r.blank(end), "day", "week", "month", "hour"); n > 0 {
			return r.englishAge(k, from)
		}
		return r.guessed(a, a.max == 12*v+11), true
	}
	if n, _ := r.any(i, "newborn", "new-born"); n > 0 && r.boundary(i+n) {
		return r.aged(ageRead{from: from, to: i + n, min: 0, max: 1}), true
	}
	lo, to, ok := r.count(i)
	if !ok || lo > oldest {
		return a, false
	}
	hi := lo
	if n, _ := r.any(to, " and a half"); n > 0 {
		k := to + n
		if m, _ := r.any(k, " years old", " years", "-year-old"); m > 0 {
			return r.aged(ageRead{from: from, to: k + m, min: 12*lo + 2, max: 12*lo + 11}), true
		}
	}
	if n, _ := r.any(to, " and "); n > 0 && r.wordBefore(i, "between") {
		if v, end, ok := r.count(to + n); ok && v > lo && v < lo+10 {
			hi, to = v, end
		}
	} else if n, _ := r.any(to, "-", " to ", " or ", "–"); n > 0 {
		if v, end, ok := r.count(to + n); ok && v > lo && v < lo+10 {
			hi, to = v, end
		}
	}
	k := to
	for r.rune(k) == ' ' || r.rune(k) == '-' {
		k++
	}
	if r.has(to, "-ish") {
		to += 4
		k = to
	}
	if lo > 0 && hi <= 17 && r.bare(i, to) {
		a.to, a.min, a.max = to, 12*lo, 12*hi+11
		return r.guessed(a, lo == hi), true
	}
	unit, end := r.word(k)
	for r.rune(end) == ' ' || r.rune(end) == '-' || r.rune(end) == '/' || r.rune(end) == '.' {
		end++
	}
	old, oldEnd := r.word(end)
	is := old == "old" || old == "olds" || old == "age" || r.has(end, "of age")
	if old == "of" {
		oldEnd = end + len("of age")
	}
	switch unit {
	case "year", "years", "yr", "yrs":
		k := end
		if r.has(k, "and ") {
			k += 4
		}
		if m, e, ok := r.count(k); ok && m < 12 && m > 0 {
			if w, e := r.word(r.blank(e)); w == "months" || w == "month" {
				if r.has(r.blank(e), "old") {
					e = r.blank(e) + 3
				}
				a.to, a.min, a.max = e, 12*lo+m-1, 12*lo+m+1
				return r.aged(a), true
			}
		}
		if !is && lo <= 17 && r.bareBefore(i) && old != "ago" && old != "later" && old != "before" {
			is, oldEnd = true, end
		}
	case "y", "yo":
		if unit == "y" && !r.has(end, "o") {
			return a, false
		}
		is, oldEnd = true, max(oldEnd, end)
	case "month", "months", "mo", "mos":
		if !is && (!r.bareBefore(i) || old == "ago" || old == "later" || old == "before") {
			return a, false
		}
		if is {
			end = oldEnd
		}
		a.to, a.min, a.max = end, max(0, lo-1), hi+1
		if r.guess(i) {
			a.min, a.max = max(0, lo-3), hi+4
		}
		return r.aged(a), true
	case "week", "weeks", "day", "days":
		if w, _ := r.word(from); w == "age" || w == "aged" {
			is, oldEnd = true, end
		}
		if !is {
			return a, false
		}
		a.to, a.min, a.max = oldEnd, 0, 1+hi/4
		return r.aged(a), true
	default:
		return a, false
	}
	if !is {
		return a, false
	}
	a.to, a.min, a.max = oldEnd, 12*lo, 12*hi+11
	return r.guessed(a, lo == hi), true
}

// young are words for a child before a bare number: "a boy of about 7".
var young = []string{"boy", "girl", "child", "kid", "son", "daughter", "brother", "sister", "toddler", "baby", "boys", "girls", "she is", "he is", "she was", "he was", "is", "was", "then", "looks", "looked", "age", "aged"}

// bareBefore reports that a word for a child stands before a number of years.
func (r *reader) bareBefore(i int) bool {
	before := string(r.runes[max(0, i-24):i])
	if k := strings.LastIndexAny(before, ".;!?\n"); k >= 0 && !strings.HasSuffix(before, "approx. ") {
		before = before[k+1:]
	}
	for _, w := range young[:10] {
		if strings.Contains(before, w) {
			return true
		}
	}
	return false
}

// bare reports that the number at runes i to j, which has no unit, is an age:
// a word for a child, or a guess that is a sentence, stands before it.
func (r *reader) bare(i, j int) bool {
	if c := r.rune(j); letter(c) || digit(c) || c == ':' || c == '/' || c == '%' || c == '.' && digit(r.rune(j+1)) || c == '-' && (digit(r.rune(j+1)) || letter(r.rune(j+1)) && !r.has(j, "-ish")) {
		return false
	}
	if han(r.rune(r.blank(j))) || han(r.rune(j)) {
		return false
	}
	w, _ := r.word(r.blank(j))
	switch w {
	case "cm", "kg", "am", "pm", "p", "a", "o", "m", "days", "day", "weeks", "week", "hours", "hour", "years", "year", "months", "month", "minutes", "times", "people", "children", "kids", "men", "women", "boys", "girls", "of", "metres", "meters", "feet", "yuan", "km", "st", "th":
		return false
	}
	for k := range englishMonths {
		if w == englishMonths[k] || len(w) == 3 && w == englishMonths[k][:3] {
			return false
		}
	}
	guess := false
	k := i
	for range 4 {
		for k > 0 && strings.ContainsRune(" ,(:~-;=?\"", r.rune(k-1)) {
			guess = guess || r.rune(k-1) == '~'
			k--
		}
		start := k
		for letter(r.rune(start - 1)) {
			start--
		}
		switch w := string(r.runes[start:k]); {
		case w == "" && r.has(k-7, "approx."):
			guess, start = true, k-7
		case w == "":
			return guess
		case slices.Contains(young, w):
			return true
		case w == "about", w == "around", w == "approximately", w == "approx", w == "roughly", w == "maybe", w == "perhaps", w == "looks":
			guess = true
		case w == "of", w == "a", w == "nearly", w == "almost", w == "or", w == "only", w == "just", w == "some":
		default:
			return guess && (r.rune(j) == '.' || r.rune(j) == ',' || r.rune(j) == 0)
		}
		if r.rune(start-1) == '.' {
			return guess
		}
		k = start
	}
	return false
}

// grown are who is not the child, as they stand behind an age.
var grown = []string{"妇女", "妇人", "男子", "女子", "男人", "女人", "老人", "老太", "老头", "老汉", "大爷", "大妈", "大叔", "阿姨", "中年", "母亲", "父亲", "妈妈", "爸爸", "老妇", "婆婆", "爷爷", "奶奶", "man", "woman", "adult", "lady", "mother", "father", "大人", "乞丐", "残疾男", "壮年", "青年"}

// childAges are the ages of the child: those of grown people beside it, and
// those that are denied, are left out. An age refers to the time of what
// happened, or to the day of the post where the words say that it is that of
// today.
func (r *reader) childAges(read []ageRead, ms []Moment) []AgeFact {
	event := Dates{}
	if m := (Facts{Moments: ms}).Time(); m != nil {
		event = m.Dates
	}
	today := Dates{}
	if !r.posted.IsZero() {
		today = oneDay(r.posted)
	}
	if !event.Known() && r.context.Kind != "report" {
		event = today
	}
	institution := slices.ContainsFunc(read, func(a ageRead) bool { return a.isBirth }) && r.institution()
	young := slices.ContainsFunc(read, func(a ageRead) bool { return !a.isBirth && a.max < 18*12 })
	var out []AgeFact
	for _, a := range read {
		f := AgeFact{Words: r.span(a.from, a.to)}
		switch {
		case r.denied(a.from):
			continue
		case a.isBirth:
			f.Age, f.Birth = bornAge(a.born, today), a.born
			if institution {
				f.Max, f.Birth = 12*oldest, AssignedBirthday(a.born)
			}
		case a.zodiac > 0:
			born, ok := zodiac(a.zodiac, event)
			if !ok {
				continue
			}
			f.Age = bornAge(born, event)
		default:
			if a.min >= 15*12 {
				tail := string(r.runes[a.to:min(len(r.runes), a.to+10)])
				if end := strings.IndexAny(tail, "，。,.；;！\n"); end >= 0 {
					tail = tail[:end]
				}
				adult := slices.ContainsFunc(grown, func(w string) bool { return strings.Contains(tail, w) })
				if adult || young && a.min >= 18*12 && a.when != atPost {
					continue
				}
			}
			f.Age = Age{a.min, a.max, event}
			if a.when == atPost {
				f.At = today
			}
		}
		out = append(out, f)
	}
	// A birthday says more than an age.
	slices.SortStableFunc(out, func(a, b AgeFact) int { return cmp.Compare((a.Max-a.Min)/12, (b.Max-b.Min)/12) })
	return out
}

// denied reports that rune i follows a word that denies.
func (r *reader) denied(i int) bool {
	for _, w := range []string{"不是", "并非", "非", "not "} {
		if n := len([]rune(w)); r.has(i-n, w) && i >= n {
			return true
		}
	}
	return false
}

// institution reports that the text is of a home, which sets birthdays.
func (r *reader) institution() bool {
	for i := range r.runes {
		if n, _ := r.any(i, "福利院", "孤儿院", "入院", "院名", "福利中心", "暂定", "出生日期定为", "民政局", "捡拾", "orphanage", "assigned", "welfare institute"); n > 0 {
			return true
		}
	}
	return false
}

// zodiac is the last lunar year of an animal in which a child was born that
// was out at the time of the event.
func zodiac(animal int, event Dates) (Dates, bool) {
	if event.To.IsZero() {
		return Dates{}, false
	}
	for y := event.To.Year(); y > event.To.Year()-12; y-- {
		if (y-4)%12+1 != animal {
			continue
		}
		d, ok := lunar(y, 0, 0, false)
		if ok && d.From.Before(event.From) {
			return d, true
		}
	}
	return Dates{}, false
}

// bornAge is the age at a day of somebody born in an interval.
func bornAge(born, at Dates) Age {
	if at.From.IsZero() {
		at = Dates{born.From, born.To}
	}
	return Age{max(0, monthsBetween(born.To.Add(-time.Second), at.From)), max(0, monthsBetween(born.From, at.To.Add(-time.Second))), at}
}

// monthsBetween counts whole months.
func monthsBetween(a, b time.Time) int {
	n := 12*(b.Year()-a.Year()) + int(b.Month()) - int(a.Month())
	if b.Day() < a.Day() {
		n--
	}
	return n
}
