package crawler

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the static binary runs where there is no zoneinfo

	"github.com/robfig/cron/v3"
)

// Codes of a ScheduleError.
const (
	ScheduleEmpty      = "empty"      // nothing was written
	ScheduleZone       = "zone"       // the zone is not in the IANA database
	ScheduleZoneInside = "zone-in"    // TZ= or CRON_TZ= inside the expression
	ScheduleFields     = "fields"     // not five fields
	ScheduleField      = "field"      // a field cannot be read or is out of range
	ScheduleStep       = "step"       // a step that hits one value only, such as */90
	ScheduleDescriptor = "descriptor" // an unknown @word
	ScheduleEvery      = "every"      // @every without a whole number of seconds
	ScheduleNever      = "never"      // 31 February
	ScheduleOften      = "often"      // fires more often than is allowed
)

// ScheduleError says why an expression or its zone was refused.
type ScheduleError struct {
	Code  string
	Field string        // minute, hour, day, month, weekday or zone; empty when the whole expression is meant
	Value string        // what was written there
	Least time.Duration // for ScheduleOften, the shortest interval allowed
}

// Error is the English message, for logs.
func (e *ScheduleError) Error() string { return "schedule: " + e.Message("en") }

// Message tells a person what to change, in "zh-CN" or, for any other lang, in English.
func (e *ScheduleError) Message(lang string) string {
	zh := lang == "zh-CN"
	field := e.Field
	for _, f := range scheduleFields() {
		if zh && f.name == e.Field {
			field = f.zh
		}
	}
	pick := func(english, chinese string, args ...any) string {
		if zh {
			return fmt.Sprintf(chinese, args...)
		}
		return fmt.Sprintf(english, args...)
	}
	switch e.Code {
	case ScheduleEmpty:
		return pick("no schedule is written", "还没有填写时间表")
	case ScheduleZone:
		return pick("unknown time zone %q; write a name such as Asia/Shanghai", "时区 %q 不存在，请写如 Asia/Shanghai 的名称", e.Value)
	case ScheduleZoneInside:
		return pick("the time zone is a field of its own; take TZ= out of the expression", "时区请填在单独的一栏，表达式里不要写 TZ=")
	case ScheduleFields:
		return pick("%q is not five fields: minute, hour, day, month, weekday", "%q 不是五段：分、时、日、月、星期", e.Value)
	case ScheduleField:
		return pick("the %s %q cannot be read or is out of range", "%s一段 %q 无法识别或超出范围", field, e.Value)
	case ScheduleStep:
		return pick("the step in the %s %q is longer than its range, so it would hit one value only; write that value",
			"%s一段 %q 的步长超过范围，只会命中一个值；请直接写那个值", field, e.Value)
	case ScheduleDescriptor:
		return pick("unknown word %q; known are @hourly, @daily, @weekly, @monthly, @yearly and @every",
			"不认识 %q；可用 @hourly、@daily、@weekly、@monthly、@yearly 和 @every", e.Value)
	case ScheduleEvery:
		return pick("%q needs whole seconds, such as @every 15m", "%q 需要整秒数，例如 @every 15m", e.Value)
	case ScheduleNever:
		return pick("%q is a date that never comes", "%q 的日期不存在，永远不会运行", e.Value)
	case ScheduleOften:
		return pick("%q runs more often than every %s", "%q 运行得太频繁，间隔不能短于 %s", e.Value, e.Least)
	}
	return e.Code
}

type scheduleField struct {
	name, zh string
	min, max int
	names    string // from min, three letters each
}

// scheduleFields are the five fields in the order written, with the bounds cron uses.
func scheduleFields() [5]scheduleField {
	return [5]scheduleField{
		{"minute", "分", 0, 59, ""},
		{"hour", "时", 0, 23, ""},
		{"day", "日", 1, 31, ""},
		{"month", "月", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
		{"weekday", "星期", 0, 6, "sunmontuewedthufrisat"},
	}
}

// number reads a value of the field, or a name of it, and is -1 for neither.
func (f scheduleField) number(s string) int {
	if i := strings.Index(f.names, strings.ToLower(s)); len(s) == 3 && i >= 0 && i%3 == 0 {
		return f.min + i/3
	}
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return -1
}

// scheduleItem is stricter than cron, which reads "*-5" as "*" and ",," as nothing.
var scheduleItem = regexp.MustCompile(`^(?:([*?])|(\d{1,2}|[A-Za-z]{3})(?:-(\d{1,2}|[A-Za-z]{3}))?)(?:/(\d{1,3}))?$`)

// ParseSchedule reads a five-field cron expression, a descriptor such as
// @daily, or "@every 15m", to be followed in the named IANA zone ("" is UTC;
// "Local" is refused, since it would change with the machine). Weekday 7 is Sunday.
//
// It refuses what fires more often than least by the wall clock, what never
// fires, and what cron takes silently for something else. Errors are *ScheduleError.
//
// Where clocks change, a schedule that names its hours runs once for each time
// it names: at the first instant after the gap when the time is skipped, and
// the first time when it comes twice. One that runs in every hour keeps its
// pace through both.
func ParseSchedule(expr, zone string, least time.Duration) (cron.Schedule, error) {
	expr = strings.TrimSpace(expr)
	if expr == "" {
		return nil, &ScheduleError{Code: ScheduleEmpty}
	}
	// cron panics on "TZ=UTC" alone, and two places for one zone would disagree.
	if strings.Contains(strings.ToUpper(expr), "TZ=") {
		return nil, &ScheduleError{Code: ScheduleZoneInside, Value: expr}
	}
	loc, err := time.LoadLocation(zone)
	if err != nil || loc == time.Local {
		return nil, &ScheduleError{Code: ScheduleZone, Field: "zone", Value: zone}
	}
	if strings.HasPrefix(expr, "@every") {
		return parseEvery(expr, least)
	}
	if !strings.HasPrefix(expr, "@") {
		if expr, err = checkFields(expr); err != nil {
			return nil, err
		}
	}
	parsed, err := cron.ParseStandard(expr)
	if err != nil {
		return nil, &ScheduleError{Code: ScheduleDescriptor, Value: expr}
	}
	spec := *parsed.(*cron.SpecSchedule)
	spec.Location = time.UTC // it is asked about wall clocks written as UTC
	gap := shortestGap(spec)
	switch {
	case gap == 0:
		return nil, &ScheduleError{Code: ScheduleNever, Value: expr}
	case gap < least:
		return nil, &ScheduleError{Code: ScheduleOften, Value: expr, Least: least}
	}
	return &schedule{spec: spec, loc: loc, everyHour: spec.Hour&(1<<24-1) == 1<<24-1}, nil
}

func parseEvery(expr string, least time.Duration) (cron.Schedule, error) {
	d, err := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(expr, "@every")))
	if err != nil || d < time.Second || d%time.Second != 0 {
		return nil, &ScheduleError{Code: ScheduleEvery, Value: expr}
	}
	if d < least {
		return nil, &ScheduleError{Code: ScheduleOften, Value: expr, Least: least}
	}
	return cron.Every(d), nil
}

// checkFields refuses what cron would misread and returns the expression with
// Sundays written as 7 in cron's own numbering.
func checkFields(expr string) (string, error) {
	fields := strings.Fields(expr)
	if len(fields) != 5 {
		return "", &ScheduleError{Code: ScheduleFields, Value: expr}
	}
	for i, f := range scheduleFields() {
		written := fields[i]
		items := strings.Split(written, ",")
		for j, item := range items {
			m := scheduleItem.FindStringSubmatch(item)
			if m == nil || m[1] == "?" && f.name != "day" && f.name != "weekday" {
				return "", &ScheduleError{Code: ScheduleField, Field: f.name, Value: written}
			}
			low, high, step := f.min, f.max, 1
			if m[2] != "" {
				low, high = f.number(m[2]), f.number(m[2])
			}
			if m[4] != "" {
				step, high = f.number(m[4]), f.max
			}
			if m[3] != "" {
				high = f.number(m[3])
			}
			if f.name == "weekday" && (high == 7 || high == 0 && low > 0) && low <= 7 && step > 0 {
				high = 7
				items[j] = weekdays(low, high, step)
			}
			if m[4] != "" && step > high-low {
				return "", &ScheduleError{Code: ScheduleStep, Field: f.name, Value: written}
			}
		}
		fields[i] = strings.Join(items, ",")
		alone := [5]string{"*", "*", "*", "*", "*"}
		alone[i] = fields[i]
		if _, err := cron.ParseStandard(strings.Join(alone[:], " ")); err != nil {
			return "", &ScheduleError{Code: ScheduleField, Field: f.name, Value: written}
		}
	}
	return strings.Join(fields, " "), nil
}

// weekdays lists the days from low to high, of which 7 is Sunday.
func weekdays(low, high, step int) string {
	var list []string
	for d := low; d <= high; d += step {
		list = append(list, strconv.Itoa(d%7))
	}
	return strings.Join(list, ",")
}

// shortestGap is the shortest time by the wall clock between two runs, or 0
// when there is none. Twenty-eight years hold each pairing of date and weekday.
func shortestGap(s cron.SpecSchedule) time.Duration {
	first, last, within := -1, -1, 0
	for m := range 24 * 60 {
		if s.Hour&(1<<(m/60)) == 0 || s.Minute&(1<<(m%60)) == 0 {
			continue
		}
		if first < 0 {
			first = m
		} else if within == 0 || m-last < within {
			within = m - last
		}
		last = m
	}
	shortest := within
	midnight := cron.SpecSchedule{Second: 1, Minute: 1, Hour: 1, Dom: s.Dom, Month: s.Month, Dow: s.Dow, Location: time.UTC}
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var before time.Time
	for day := midnight.Next(start.Add(-time.Second)); !day.IsZero() && day.Before(start.AddDate(28, 0, 0)); day = midnight.Next(day) {
		if !before.IsZero() {
			gap := int(day.Sub(before)/time.Minute) - last + first
			if shortest == 0 || gap < shortest {
				shortest = gap
			}
			if day.Sub(before) == 24*time.Hour {
				break // no pair of days is closer
			}
		}
		before = day
	}
	if before.IsZero() {
		return 0
	}
	return time.Duration(shortest) * time.Minute
}

// schedule asks cron about wall clocks, where every day has 24 hours, and
// turns its answers into instants itself: cron skips what falls into a gap
// and runs twice what a fold repeats.
type schedule struct {
	spec      cron.SpecSchedule // Location is UTC
	loc       *time.Location
	everyHour bool
}

// Next is the first run after t, in t's location. It is zero only for times
// far outside the years that calendars are made for.
func (s *schedule) Next(t time.Time) time.Time {
	if s.everyHour {
		return s.nextElapsed(t)
	}
	// instant never goes back as w goes on, so the first one after t is the next.
	for w := s.nextWall(wall(t, s.loc)); !w.IsZero(); w = s.nextWall(w) {
		if at := instant(w, s.loc); at.After(t) {
			return at.In(t.Location())
		}
	}
	return time.Time{}
}

// nextElapsed follows elapsed time: within each stretch of one offset to UTC
// the wall clock is plain arithmetic.
func (s *schedule) nextElapsed(t time.Time) time.Time {
	from := t.In(s.loc)
	for range 100 { // eight years cross two changes a year, and the ends of years
		w := s.nextWall(wall(from, s.loc))
		if w.IsZero() {
			return time.Time{}
		}
		end := nextChange(from)
		_, offset := from.Zone()
		at := w.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || at.Before(end) {
			return at.In(t.Location())
		}
		_, offset = end.Zone()
		// The change may itself be a minute that is due.
		first := end.UTC().Add(time.Duration(offset) * time.Second)
		if s.nextWall(first.Add(-time.Second)).Equal(first) {
			return end.In(t.Location())
		}
		from = end
	}
	return time.Time{}
}

// nextWall is the next wall clock, written as UTC. cron gives up after five
// years; 29 February can be eight away.
func (s *schedule) nextWall(w time.Time) time.Time {
	next := s.spec.Next(w)
	if next.IsZero() {
		next = s.spec.Next(time.Date(w.Year()+5, 1, 1, 0, 0, -1, 0, time.UTC))
	}
	return next
}

// wall is what a clock in loc shows at t, written as UTC.
func wall(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant is the first moment at which a clock in loc shows w or, where w is
// skipped, the first moment after the gap.
func instant(w time.Time, loc *time.Location) time.Time {
	// No zone is 36 hours from UTC, so this lies before w and any change near it.
	early := w.Add(-36 * time.Hour).In(loc)
	_, before := early.Zone()
	end := nextChange(early)
	// Read with the offset that held before a change, a time in a fold is its
	// first coming.
	at := w.Add(-time.Duration(before) * time.Second)
	for !end.IsZero() && !at.Before(end) {
		_, after := end.Zone()
		at = w.Add(-time.Duration(after) * time.Second)
		if at.Before(end) {
			return end // shown by neither clock: in the gap
		}
		end = nextChange(end)
	}
	return at
}

// nextChange is an instant after t up to which the offset stays as it is at
// t, zero for always. Past the zone's table ZoneBounds counts 365 days for
// each year, so on the last day of a leap year its end is not after t.
func nextChange(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		return t.Add(12 * time.Hour)
	}
	return end
}

// NextRuns lists the next n runs after a time, in that time's location.
func NextRuns(s cron.Schedule, after time.Time, n int) []time.Time {
	var runs []time.Time
	for len(runs) < n {
		after = s.Next(after)
		if after.IsZero() {
			break
		}
		runs = append(runs, after)
	}
	return runs
}

// Jitter spreads sources that share a schedule over [0, max): the same source
// and time always give the same delay, so every process computes one answer.
func Jitter(sourceID string, scheduled time.Time, max time.Duration) time.Duration {
	if max <= 0 {
		return 0
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", sourceID, scheduled.Unix()))
	delay, _ := bits.Mul64(binary.BigEndian.Uint64(sum[:]), uint64(max))
	return time.Duration(delay)
}
