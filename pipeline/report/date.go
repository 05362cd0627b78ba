package report

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// An Interval is the time a written date leaves open: From is its first
// instant, To the first after it. Days are those of a calendar, without a
// zone, and written as UTC.
type Interval struct {
	From, To  time.Time
	Precision string // "year", "month" or "day"
}

// IsZero reports that nothing is known.
func (i Interval) IsZero() bool { return i.From.IsZero() && i.To.IsZero() }

func year(y int) Interval {
	from := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
	return Interval{from, from.AddDate(1, 0, 0), "year"}
}

func month(y, m int) Interval {
	from := time.Date(y, time.Month(m), 1, 0, 0, 0, 0, time.UTC)
	return Interval{from, from.AddDate(0, 1, 0), "month"}
}

func day(y, m, d int) Interval {
	from := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return Interval{from, from.AddDate(0, 0, 1), "day"}
}

var (
	lunar     = regexp.MustCompile(`农历|阴历|旧历|正月|腊月|初[一二三四五六七八九十]|廿|(?i:lunar)`)
	yearFirst = regexp.MustCompile(`^(\d{4})(?:[\-/.年] ?(\d{1,2})(?:[\-/.月] ?(\d{1,2})[日号]?|月)?|年)?$`)
	compact   = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})$`)
	yearLast  = regexp.MustCompile(`^(\d{1,2})[\-/.](\d{1,2})[\-/.](\d{4})$`)
	clock     = regexp.MustCompile(`[T ]? ?(?:上午|下午|早上|晚上|中午|凌晨)? ?\d{1,2}(?:[:时点]\d{0,2}(?:[:分]\d{0,2}秒?)?(?:\.\d+)?)(?: ?(?:Z|[+\-]\d{2}:?\d{2}|[AaPp][Mm]))?$`)
)

// ParseDate reads a date as people write it. Nothing, and words for nothing
// (不详, unknown), is a zero Interval. The code of what stands in the way is
// ProblemDate, ProblemAmbiguous or ProblemLunar, or "".
func ParseDate(s string) (Interval, string) {
	s = strings.Join(strings.Fields(norm.NFKC.String(s)), " ")
	switch strings.ToLower(s) {
	case "", "-", "不详", "未知", "不明", "不清楚", "无", "unknown", "n/a", "?":
		return Interval{}, ""
	}
	if lunar.MatchString(s) {
		return Interval{}, ProblemLunar
	}
	s = strings.TrimSpace(clock.ReplaceAllString(s, ""))
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			return 0 // an optional part that is absent
		}
		return n
	}
	m := yearFirst.FindStringSubmatch(s)
	if m == nil {
		m = compact.FindStringSubmatch(s)
	}
	if m != nil {
		y, mo, d := number(m[1]), number(m[2]), number(m[3])
		switch {
		case m[2] == "" && plausible(y, 1, 1):
			return year(y), ""
		case m[3] == "" && plausible(y, mo, 1):
			return month(y, mo), ""
		case plausible(y, mo, d):
			return day(y, mo, d), ""
		}
		return Interval{}, ProblemDate
	}
	if m := yearLast.FindStringSubmatch(s); m != nil {
		a, b, y := number(m[1]), number(m[2]), number(m[3])
		monthFirst, dayFirst := plausible(y, a, b), plausible(y, b, a)
		switch {
		case monthFirst && dayFirst && a != b:
			return Interval{}, ProblemAmbiguous
		case monthFirst:
			return day(y, a, b), ""
		case dayFirst:
			return day(y, b, a), ""
		}
		return Interval{}, ProblemDate
	}
	for _, layout := range []string{"January 2, 2006", "Jan 2, 2006", "January 2 2006", "Jan 2 2006", "2 January 2006", "2 Jan 2006", "2-Jan-2006"} {
		if t, err := time.Parse(layout, s); err == nil && plausible(t.Year(), int(t.Month()), t.Day()) {
			return day(t.Year(), int(t.Month()), t.Day()), ""
		}
	}
	for _, layout := range []string{"January 2006", "Jan 2006"} {
		if t, err := time.Parse(layout, s); err == nil && plausible(t.Year(), int(t.Month()), 1) {
			return month(t.Year(), int(t.Month())), ""
		}
	}
	return Interval{}, ProblemDate
}

// plausible reports that the day exists and somebody alive may remember it.
func plausible(y, m, d int) bool {
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return y >= 1900 && y <= 2200 && m >= 1 && d >= 1 && int(t.Month()) == m && t.Day() == d
}
