package locale

import (
	"fmt"
	"strconv"
	"time"
)

// Number writes a whole number with its thousands grouped, which both languages do alike, and anything else as it is.
func Number(v any) string {
	var n int64
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int64:
		n = v
	default:
		return fmt.Sprint(v)
	}
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Moment is an instant ready to be shown. The zero value stands for an instant that is not known.
type Moment struct {
	Machine string // RFC 3339, for the datetime attribute
	Text    string // in a language and zone, the offset named
}

// At writes an instant in the zone: "2011年2月3日 14:05 UTC+8", "3 Feb 2011, 14:05 UTC+8".
func At(lang string, t time.Time, zone *time.Location) Moment {
	if t.IsZero() {
		return Moment{}
	}
	t = t.In(zone)
	layout := "2 Jan 2006, 15:04"
	if lang == Chinese {
		layout = "2006年1月2日 15:04"
	}
	return Moment{Machine: t.Format(time.RFC3339), Text: t.Format(layout) + " " + Offset(t)}
}

// Day writes the day of an instant in the zone.
func Day(lang string, t time.Time, zone *time.Location) Moment {
	if t.IsZero() {
		return Moment{}
	}
	t = t.In(zone)
	layout := "2 Jan 2006"
	if lang == Chinese {
		layout = "2006年1月2日"
	}
	return Moment{Machine: t.Format(time.DateOnly), Text: t.Format(layout)}
}

// Offset names how far a time's zone is from UTC at that instant: UTC+8, UTC-3:30, UTC.
func Offset(t time.Time) string {
	_, s := t.Zone()
	sign := '+'
	if s < 0 {
		sign, s = '-', -s
	}
	switch {
	case s == 0:
		return "UTC"
	case s%3600 == 0:
		return fmt.Sprintf("UTC%c%d", sign, s/3600)
	}
	return fmt.Sprintf("UTC%c%d:%02d", sign, s/3600, s%3600/60)
}

// Span writes a length of time in its largest whole unit: "3 小时", "3 h". Less than a second is 0.
func Span(lang string, d time.Duration) string {
	units := []struct {
		d      time.Duration
		zh, en string
	}{
		{24 * time.Hour, "天", "d"},
		{time.Hour, "小时", "h"},
		{time.Minute, "分钟", "min"},
		{time.Second, "秒", "s"},
	}
	for _, u := range units {
		if d >= u.d || u.d == time.Second {
			name := u.en
			if lang == Chinese {
				name = u.zh
			}
			return Number(int64(max(0, d)/u.d)) + " " + name
		}
	}
	return ""
}

// Days writes the time from one instant up to another, without it, in the zone: a year, a month, a day, hours of a day, or
// from day to day. One of the two must be known; the open side is left out, for the caller to name.
func Days(lang string, from, to time.Time, zone *time.Location) string {
	if from.IsZero() || to.IsZero() {
		if !to.IsZero() {
			from = to.Add(-time.Second)
		}
		return Day(lang, from, zone).Text
	}
	from, to = from.In(zone), to.In(zone)
	first, last := Day(lang, from, zone).Text, Day(lang, to.Add(-time.Second), zone).Text
	midnight := func(t time.Time) bool { return t.Hour() == 0 && t.Minute() == 0 }
	write := func(zh, en string) string {
		if lang == Chinese {
			return from.Format(zh)
		}
		return from.Format(en)
	}
	switch {
	case from.YearDay() == 1 && midnight(from) && to.Equal(from.AddDate(1, 0, 0)):
		return write("2006年", "2006")
	case from.Day() == 1 && midnight(from) && to.Equal(from.AddDate(0, 1, 0)):
		return write("2006年1月", "Jan 2006")
	case first != last:
		return first + " – " + last
	case midnight(from) && midnight(to):
		return first
	}
	return first + " " + from.Format("15:04") + "–" + to.Format("15:04")
}
