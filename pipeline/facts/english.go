package facts

import (
	"slices"
	"strings"
	"time"
)

var englishMonths = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
var englishDays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
var englishNumbers = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"}

// word is the Latin word at rune i, and where it ends.
func (r *reader) word(i int) (string, int) {
	to := i
	for letter(r.rune(to)) {
		to++
	}
	return string(r.runes[i:to]), to
}

// count reads a number in digits or as an English word.
func (r *reader) count(i int) (v, to int, ok bool) {
	if digit(r.rune(i)) {
		return r.num(i)
	}
	w, to := r.word(i)
	for v, name := range englishNumbers {
		if w == name {
			return v, to, true
		}
	}
	switch w {
	case "a", "an":
		return 1, to, true
	case "couple":
		return 2, to, true
	}
	return 0, i, false
}

func (r *reader) month(i int) (month, to int, ok bool) {
	w, to := r.word(i)
	if len(w) < 3 {
		return 0, i, false
	}
	for k, name := range englishMonths {
		if w == name || w == name[:3] || w == "sept" && k == 8 {
			if r.rune(to) == '.' {
				to++
			}
			return k + 1, to, w != "may" && w != "mar" || r.rune(to) == ' ' || r.rune(to) == ','
		}
	}
	return 0, i, false
}

// englishDay reads a day, or what is coarser, in English.
func (r *reader) englishDay(i int) (read, bool) {
	p := r.posted
	if day, to, ok := r.num(i); ok && digit(r.rune(i)) && day >= 1 && day <= 31 {
		if n, _ := r.any(to, "st", "nd", "rd", "th"); n > 0 {
			to += n
		}
		k := r.blank(to)
		if n, _ := r.any(k, "of "); n > 0 {
			k += n
		}
		if month, end, ok := r.month(k); ok && k > i {
			return r.englishYear(month, day, end)
		}
		return r.englishAgo(i)
	}
	if !letter(r.rune(i)) {
		return read{}, false
	}
	if month, to, ok := r.month(i); ok {
		k := r.blank(to)
		day, end, ok := r.num(k)
		if ok && day >= 1 && day <= 31 && k > to {
			if n, _ := r.any(end, "st", "nd", "rd", "th"); n > 0 {
				end += n
			}
			return r.englishYear(month, day, end)
		}
		if m, _ := r.word(i); m == "may" && !(ok && day > 1900) && !r.wordBefore(i, "in") {
			return read{}, false
		}
		return r.englishYear(month, 0, to)
	}
	w, to := r.word(i)
	if w == "in" || w == "since" || w == "year" {
		if next, _ := r.word(r.blank(to)); slices.Contains([]string{"spring", "summer", "autumn", "fall", "winter"}, next) {
			return r.englishDay(r.blank(to))
		}
		if y, end, ok := r.num(r.blank(to)); ok && digit(r.rune(r.blank(to))) && y > 1950 && y <= 2100 && !digit(r.rune(end)) {
			d, ok := solar(y, 0, 0)
			return read{Dates: d, to: end}, ok
		}
		if n, _ := r.any(r.blank(to), "early ", "late "); n > 0 {
			if y, end, ok := r.num(r.blank(to) + n); ok && y > 1950 {
				d, ok := solar(y, 0, 0)
				return read{Dates: d, to: end}, ok
			}
		}
	}
	for k := range festivals {
		for name := range strings.SplitSeq(festivals[k].names, " ") {
			if name == w && (w == "spring" || w == "summer" || w == "autumn" || w == "fall" || w == "winter") {
				n := r.blank(to)
				if l, _ := r.any(n, "of "); l > 0 {
					n += l
				}
				if y, end, ok := r.num(n); ok && y > 1950 {
					d, ok := festivals[k].in(y)
					return read{Dates: d, to: end}, ok
				}
				if r.wordBefore(i, "last") && !p.IsZero() {
					d, ok := festivals[k].in(p.Year())
					if ok && d.From.After(p) {
						d, ok = festivals[k].in(p.Year() - 1)
					}
					return read{Dates: d, to: to}, ok
				}
			}
		}
	}
	if p.IsZero() || r.undated {
		return read{}, false
	}
	at := func(days int) Dates { return oneDay(p.AddDate(0, 0, days)) }
	hours := func(d Dates, from, to int) Dates {
		return Dates{d.From.Add(time.Duration(from) * time.Hour), d.From.Add(time.Duration(to) * time.Hour)}
	}
	monday := -(int(p.Weekday()) + 6) % 7
	switch w {
	case "yesterday":
		return read{Dates: at(-1), to: to, exact: true}, true
	case "today":
		return read{Dates: at(0), to: to, exact: true}, true
	case "tonight", "nite":
		return r.clockAfter(read{Dates: at(0), to: to, exact: true}, hours(at(0), 17, 30), true), true
	case "this", "last", "on":
		next, end := r.word(r.blank(to))
		for k, name := range englishDays {
			if next == name || len(next) == 3 && next == name[:3] {
				d := at(monday + k)
				if d.From.After(p) || w == "last" && !d.From.Before(at(0).From) {
					d = at(monday + k - 7)
				}
				if w == "last" { // the last one, or that of last week
					d.From = at(min(monday+k-7, -1)).From
					if now := at(monday + k); now.From.Before(at(0).From) {
						return read{Dates: Dates{at(monday + k - 7).From, now.To}, to: end}, true
					}
				}
				return read{Dates: d, to: end, exact: true}, true
			}
		}
		switch w + " " + next {
		case "last night":
			return r.clockAfter(read{Dates: at(-1), to: end, exact: true}, hours(at(-1), 17, 30), true), true
		case "this morning":
			return r.clockAfter(read{Dates: at(0), to: end, exact: true}, hours(at(0), 4, 13), false), true
		case "this afternoon":
			return r.clockAfter(read{Dates: at(0), to: end, exact: true}, hours(at(0), 12, 19), true), true
		case "this evening":
			return r.clockAfter(read{Dates: at(0), to: end, exact: true}, hours(at(0), 16, 25), true), true
		case "this week":
			return read{Dates: Dates{at(monday).From, at(0).To}, to: end}, true
		case "last week":
			return read{Dates: Dates{at(monday - 7).From, at(monday - 1).To}, to: end}, true
		case "last weekend":
			return read{Dates: Dates{at(monday - 2).From, at(monday - 1).To}, to: end}, true
		case "last month":
			return read{Dates: months(p.Year(), int(p.Month())-1, int(p.Month())-1), to: end}, true
		case "this month":
			return read{Dates: Dates{months(p.Year(), int(p.Month()), int(p.Month())).From, at(0).To}, to: end}, true
		case "last year":
			return read{Dates: months(p.Year()-1, 1, 12), to: end}, true
		case "this year":
			return read{Dates: Dates{months(p.Year(), 1, 12).From, at(0).To}, to: end}, true
		}
		return read{}, false
	case "just":
		if r.has(r.blank(to), "now") {
			return read{Dates: Dates{p.Add(-6 * time.Hour), p.Add(time.Minute)}, to: r.blank(to) + 3}, true
		}
		return read{}, false
	case "between", "from":
		// between 3 and 5 April 2014
		first, end, ok := r.num(r.blank(to))
		n, _ := r.any(r.blank(end), "and ", "to ")
		if !ok || n == 0 || first < 1 || first > 31 {
			return read{}, false
		}
		last, ok := r.englishDay(r.blank(end) + n)
		if d, exists := solar(last.From.Year(), int(last.From.Month()), first); ok && exists && last.exact && d.From.Before(last.From) {
			return read{Dates: Dates{d.From, last.To}, to: last.to}, true
		}
		return read{}, false
	case "the":
		if r.has(r.blank(to), "day before yesterday") {
			return read{Dates: at(-2), to: r.blank(to) + len("day before yesterday"), exact: true}, true
		}
	}
	for k, name := range englishDays {
		if w == name {
			d := at(monday + k)
			if d.From.After(p) {
				d = at(monday + k - 7)
			}
			return read{Dates: d, to: to, exact: true}, true
		}
	}
	return r.englishAgo(i)
}

// englishYear reads the year behind a month and a day; without one it is the
// last that had begun.
func (r *reader) englishYear(month, day, to int) (read, bool) {
	k := to
	for r.rune(k) == ' ' || r.rune(k) == ',' {
		k++
	}
	if r.rune(k) == '\'' {
		if y, end, ok := r.num(k + 1); ok && end-k == 3 {
			if y += 2000; !r.posted.IsZero() && y > r.posted.Year() {
				y -= 100
			}
			d, ok := solar(y, month, day)
			return read{Dates: d, to: end, exact: day > 0}, ok
		}
	}
	if y, end, ok := r.num(k); ok && digit(r.rune(k)) && end-k == 4 && y >= 1900 && y <= 2100 {
		d, ok := solar(y, month, day)
		return read{Dates: d, to: end, exact: day > 0}, ok
	}
	if r.posted.IsZero() {
		return read{}, false
	}
	d, ok := solar(r.posted.Year(), month, day)
	if ok && d.From.After(r.posted) {
		d, ok = solar(r.posted.Year()-1, month, day)
	}
	return read{Dates: d, to: to, exact: day > 0}, ok
}

// englishAgo reads "two days ago".
func (r *reader) englishAgo(i int) (read, bool) {
	if n, w := r.any(i, "a few days ago", "few days ago", "several days ago", "a few weeks ago", "few weeks ago", "a few months ago", "few months ago"); n > 0 && !r.posted.IsZero() && !r.undated {
		longest, shortest := 12, 1
		if w > 4 {
			longest, shortest = 300, 50
		} else if w > 2 {
			longest, shortest = 60, 10
		}
		return read{Dates: Dates{oneDay(r.posted.AddDate(0, 0, -longest)).From, oneDay(r.posted.AddDate(0, 0, -shortest)).To}, to: i + n}, true
	}
	v, to, ok := r.count(i)
	if !ok || r.posted.IsZero() || r.undated || v > 600 {
		return read{}, false
	}
	k := r.blank(to)
	if r.has(k, "of ") {
		k += 3
	}
	unit, end := r.word(k)
	if !r.has(r.blank(end), "ago") || k == i {
		return read{}, false
	}
	end = r.blank(end) + 3
	p := r.posted
	switch strings.TrimSuffix(unit, "s") {
	case "minute":
		return read{Dates: Dates{p.Add(-time.Duration(v+15) * time.Minute), p}, to: end}, true
	case "hour":
		return read{Dates: Dates{p.Add(-time.Duration(v+1) * time.Hour), p.Add(-time.Duration(v-1) * time.Hour)}, to: end}, true
	case "day":
		return read{Dates: oneDay(p.AddDate(0, 0, -v)), to: end, exact: true}, true
	case "week":
		return read{Dates: Dates{oneDay(p.AddDate(0, 0, -7*v-3)).From, oneDay(p.AddDate(0, 0, -7*v+3)).To}, to: end}, true
	case "month":
		return read{Dates: Dates{oneDay(p.AddDate(0, -v, -15)).From, oneDay(p.AddDate(0, -v, 15)).To}, to: end}, true
	case "year":
		return read{Dates: Dates{oneDay(p.AddDate(-v, -8, 0)).From, oneDay(p.AddDate(-v, 8, 0)).To}, to: end}, true
	}
	return read{}, false
}
