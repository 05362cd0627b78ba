package facts

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/6tail/lunar-go/calendar"
)

// The years whose lunar months are known.
const (
	firstLunar = 1950
	lastLunar  = 2030
)

type lunarMonth struct {
	first time.Time
	days  int
	leap  bool
	month int
}

// lunarYears has the months of the lunar years, in order; reading the library
// takes too long to do it for each text.
var lunarYears = sync.OnceValue(func() [][]lunarMonth {
	var years [][]lunarMonth
	for y := firstLunar; y <= lastLunar; y++ {
		var months []lunarMonth
		for e := calendar.NewLunarYear(y).GetMonthsInYear().Front(); e != nil; e = e.Next() {
			m := e.Value.(*calendar.LunarMonth)
			s := calendar.NewSolarFromJulianDay(m.GetFirstJulianDay())
			months = append(months, lunarMonth{
				time.Date(s.GetYear(), time.Month(s.GetMonth()), s.GetDay(), 0, 0, 0, 0, zone), m.GetDayCount(), m.IsLeap(), max(m.GetMonth(), -m.GetMonth()),
			})
		}
		years = append(years, months)
	}
	return years
})

// lunar is a day of the lunar calendar, or a month where day is 0, or a year
// where month is 0. The last day of a month may be called the 30th where it
// has 29. A leap month is a second one of its number.
func lunar(year, month, day int, leap bool) (Dates, bool) {
	if year < firstLunar || year > lastLunar {
		return Dates{}, false
	}
	months := lunarYears()[year-firstLunar]
	if month == 0 {
		last := months[len(months)-1]
		return Dates{months[0].first, last.first.AddDate(0, 0, last.days)}, true
	}
	for _, m := range months {
		if m.month != month || m.leap != leap {
			continue
		}
		switch {
		case day == 0:
			return Dates{m.first, m.first.AddDate(0, 0, m.days)}, true
		case day == 30 && m.days == 29:
			day = 29
		case day > m.days:
			return Dates{}, false
		}
		return oneDay(m.first.AddDate(0, 0, day-1)), true
	}
	return Dates{}, false
}

// lunarYearOf is the lunar year a day lies in.
func lunarYearOf(t time.Time) int {
	if d, ok := lunar(t.Year(), 1, 1, false); ok && t.Before(d.From) {
		return t.Year() - 1
	}
	return t.Year()
}

func oneDay(t time.Time) Dates {
	from := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
	return Dates{from, from.AddDate(0, 0, 1)}
}

// solar is a day, or a month where day is 0, or a year where month is 0;
// false if there is none such, or nobody alive can have seen it.
func solar(year, month, day int) (Dates, bool) {
	if year < 1900 || year > 2100 || month < 0 || month > 12 || day < 0 {
		return Dates{}, false
	}
	at := func(m, d int) time.Time { return time.Date(year, time.Month(m), d, 0, 0, 0, 0, zone) }
	switch {
	case month == 0:
		return Dates{at(1, 1), at(13, 1)}, true
	case day == 0:
		return Dates{at(month, 1), at(month+1, 1)}, true
	}
	t := at(month, day)
	if int(t.Month()) != month {
		return Dates{}, false
	}
	return oneDay(t), true
}

// months is from the first of one month to the last of another, which may lie
// in the next year.
func months(year, first, last int) Dates {
	return Dates{time.Date(year, time.Month(first), 1, 0, 0, 0, 0, zone), time.Date(year, time.Month(last+1), 1, 0, 0, 0, 0, zone)}
}

// A festival is a day or a season that a year has once.
type festival struct {
	names  string
	in     func(year int) (Dates, bool)
	before int // days it begins earlier in speech than in the calendar
	after  int
}

func lunarDay(month, day int) func(int) (Dates, bool) {
	return func(y int) (Dates, bool) { return lunar(y, month, day, false) }
}
func solarDay(month, day int) func(int) (Dates, bool) {
	return func(y int) (Dates, bool) { return solar(y, month, day) }
}
func season(first, last int) func(int) (Dates, bool) {
	return func(y int) (Dates, bool) {
		_, ok := solar(y, 0, 0)
		return months(y, first, last), ok
	}
}
func lastOf(y int) (Dates, bool) { // the last day of the lunar year before
	d, ok := lunar(y, 1, 1, false)
	return Dates{d.From.AddDate(0, 0, -1), d.From}, ok
}

// A named festival is one name of a festival.
type named struct {
	name string
	of   *festival
}

// festivalNames are the names by their first character, in order.
var festivalNames = sync.OnceValue(func() map[rune][]named {
	byFirst := map[rune][]named{}
	for i := range festivals {
		for name := range strings.FieldsSeq(festivals[i].names) {
			name = strings.ReplaceAll(name, "_", " ")
			first, _ := utf8.DecodeRuneInString(name)
			byFirst[first] = append(byFirst[first], named{name, &festivals[i]})
		}
	}
	return byFirst
})

// festivals by their names, the longer before the shorter. Seasons are those
// of speech.
var festivals = []festival{
	{"大年三十 年三十 除夕", lastOf, 0, 0},
	{"大年二十九 年二十九 大年廿九", func(y int) (Dates, bool) {
		d, ok := lastOf(y)
		return Dates{d.From.AddDate(0, 0, -1), d.To}, ok
	}, 0, 0}, {"三十晚上 三十夜", lastOf, 0, 0},
	{"大年初一 正月初一", lunarDay(1, 1), 0, 0}, {"大年初二", lunarDay(1, 2), 0, 0}, {"大年初三", lunarDay(1, 3), 0, 0}, {"大年初四", lunarDay(1, 4), 0, 0}, {"大年初五", lunarDay(1, 5), 0, 0}, {"大年初六", lunarDay(1, 6), 0, 0},
	{"春节期间 春节 过年期间 过年时 过年的时候 过年那几天 过年", lunarDay(1, 1), 8, 15}, {"chinese_new_year spring_festival", lunarDay(1, 1), 3, 15},
	{"元宵节 元宵 正月十五", lunarDay(1, 15), 0, 0}, {"端午节 端午", lunarDay(5, 5), 0, 0}, {"七夕节 七夕", lunarDay(7, 7), 0, 0}, {"中元节 鬼节", lunarDay(7, 15), 0, 0},
	{"中秋节 中秋 八月十五 mid-autumn", lunarDay(8, 15), 0, 0}, {"重阳节 重阳", lunarDay(9, 9), 0, 0}, {"腊八节 腊八", lunarDay(12, 8), 0, 0}, {"小年夜 小年", lunarDay(12, 23), 0, 1},
	{"清明节 清明", solarDay(4, 5), 2, 2}, {"五一劳动节 五一假期 五一黄金周 五一长假 五一期间 劳动节 五一节 五一", solarDay(5, 1), 1, 6}, {"六一儿童节 六一节 儿童节 六一", solarDay(6, 1), 0, 0}, {"国庆节 国庆长假 国庆假期 国庆期间 国庆黄金周 国庆 十一长假 十一黄金周 十一期间", solarDay(10, 1), 1, 7},
	{"new_year's_eve", solarDay(12, 31), 0, 0}, {"new_year's_day", solarDay(1, 1), 0, 0}, {"christmas_eve", solarDay(12, 24), 0, 0}, {"christmas_day", solarDay(12, 25), 0, 0},
	{"立春", solarDay(2, 4), 1, 1}, {"春分", solarDay(3, 20), 1, 1}, {"谷雨", solarDay(4, 20), 1, 1}, {"立夏", solarDay(5, 5), 1, 1}, {"夏至", solarDay(6, 21), 1, 1}, {"立秋", solarDay(8, 7), 1, 1}, {"秋分", solarDay(9, 23), 1, 1}, {"立冬", solarDay(11, 7), 1, 1}, {"冬至", solarDay(12, 22), 1, 1},
	{"三伏天 三伏", func(y int) (Dates, bool) {
		d, ok := solar(y, 7, 11)
		return Dates{d.From, d.From.AddDate(0, 0, 47)}, ok
	}, 0, 0}, {"火把节", lunarDay(6, 24), 1, 2}, {"3.15", solarDay(3, 15), 0, 0}, {"二月二", lunarDay(2, 2), 0, 0}, {"三月三", lunarDay(3, 3), 0, 0}, {"六月六", lunarDay(6, 6), 0, 0}, {"九月九", lunarDay(9, 9), 0, 0},
	{"元旦", solarDay(1, 1), 1, 3}, {"圣诞节 圣诞 christmas", solarDay(12, 25), 1, 1}, {"平安夜", solarDay(12, 24), 0, 0}, {"情人节", solarDay(2, 14), 0, 0}, {"妇女节 三八节", solarDay(3, 8), 0, 0}, {"教师节", solarDay(9, 10), 0, 0}, {"光棍节 双十一", solarDay(11, 11), 0, 0}, {"青年节", solarDay(5, 4), 0, 0},
	{"春天 春季 开春 春", season(2, 5), 0, 0}, {"spring", season(3, 5), 0, 0}, {"夏天 夏季 夏日 夏", season(5, 9), 0, 0}, {"summer", season(6, 8), 0, 0}, {"秋天 秋季 秋", season(8, 11), 0, 0}, {"autumn fall", season(9, 11), 0, 0},
	{"年初", season(1, 3), 0, 0}, {"年底 年末 岁末 年尾", season(11, 13), 0, 0}, {"冬天 冬季 冬", season(11, 14), 0, 0}, {"winter", season(12, 14), 0, 0},
	{"暑假期间 暑假 暑期", season(7, 8), 5, 5}, {"寒假期间 寒假", season(1, 2), 5, 5}, {"上半年", season(1, 6), 0, 0}, {"下半年", season(7, 12), 0, 0}, {"年中", season(5, 8), 0, 0},
}
