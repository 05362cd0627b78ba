package listing

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"xunqin/crawler"
)

var layouts = []struct {
	layout    string
	precision crawler.Precision
}{
	{"2006-1-2 15:04:05", crawler.PrecisionSecond},
	{"2006-1-2 15:04", crawler.PrecisionMinute},
	{"2006-1-2", crawler.PrecisionDay},
	{"2006/1/2 15:04:05", crawler.PrecisionSecond},
	{"2006/1/2 15:04", crawler.PrecisionMinute},
	{"2006/1/2", crawler.PrecisionDay},
	{"2006年1月2日 15:04:05", crawler.PrecisionSecond},
	{"2006年1月2日 15:04", crawler.PrecisionMinute},
	{"2006年1月2日15:04", crawler.PrecisionMinute},
	{"2006年1月2日", crawler.PrecisionDay},
	{"2006.1.2 15:04", crawler.PrecisionMinute},
	{"2006.1.2", crawler.PrecisionDay},
	{time.RFC3339, crawler.PrecisionSecond},
	{"2006-01-02T15:04:05", crawler.PrecisionSecond},
	{"2006-01-02T15:04", crawler.PrecisionMinute},
	{"2006-01-02T15:04Z07:00", crawler.PrecisionMinute},
	{time.RFC1123Z, crawler.PrecisionSecond},
	{"Mon, 2 Jan 2006 15:04:05 GMT", crawler.PrecisionSecond},
}

var (
	ago   = regexp.MustCompile(`^(\d+|半)\s*(秒|分钟|小时|天|分鐘|小時)前$`)
	clock = regexp.MustCompile(`^(昨天|前天|今天)\s*(\d{1,2}:\d{2})?$`)
)

// Date reads a time as sites write it, in the site's own zone where it names
// none. Of one that is relative ("2 小时前") now, the server's Date header, says to
// what; without that header it is not known.
func Date(raw, now string, zone *time.Location) (time.Time, crawler.Precision) {
	if len(raw) > 100 {
		return time.Time{}, crawler.PrecisionUnknown
	}
	raw = strings.Join(strings.Fields(raw), " ")
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l.layout, raw, zone); err == nil {
			if t.Year() < 1990 || t.Year() > 9999 {
				return time.Time{}, crawler.PrecisionUnknown
			}
			return t.UTC(), l.precision
		}
	}
	served, err := http.ParseTime(now)
	if err != nil {
		return time.Time{}, crawler.PrecisionUnknown
	}
	served = served.In(zone)
	if m := ago.FindStringSubmatch(raw); m != nil {
		unit, precision := time.Second, crawler.PrecisionMinute
		switch m[2] {
		case "分钟", "分鐘":
			unit = time.Minute
		case "小时", "小時":
			unit, precision = time.Hour, crawler.PrecisionDay
		case "天":
			unit, precision = 24*time.Hour, crawler.PrecisionDay
		}
		d := unit / 2
		if m[1] != "半" {
			n, err := strconv.Atoi(m[1])
			if err != nil || n > 1e4 {
				return time.Time{}, crawler.PrecisionUnknown
			}
			d = time.Duration(n) * unit
		}
		return served.Add(-d).UTC(), precision
	}
	if m := clock.FindStringSubmatch(raw); m != nil {
		back := map[string]int{"今天": 0, "昨天": -1, "前天": -2}[m[1]]
		day := served.AddDate(0, 0, back)
		if t, err := time.ParseInLocation("2006-1-2 15:04", day.Format("2006-1-2 ")+m[2], zone); err == nil {
			return t.UTC(), crawler.PrecisionMinute
		}
		return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone).UTC(), crawler.PrecisionDay
	}
	return time.Time{}, crawler.PrecisionUnknown
}
