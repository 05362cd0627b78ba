package coverage

import (
	"math"
	"slices"
	"time"
)

// Catch is what two routes to the same posts (a tag and a search, a feed and a list) showed of the posts of one hour.
// Posts are those seen by either.
type Catch struct {
	At                  time.Time // when the hour of the posts began
	First, Second, Both int64     // posts the first route showed, the second, and both of them
}

// Estimate is how many posts there are likely to be. It is a lower bound whatever the data: what neither route can show
// (hidden by the network, deleted before we looked) is in no count, and routes that tend to miss the same posts make it too
// small. Only if each missed posts independently of the other does the interval hold the number with the stated chance.
type Estimate struct {
	Seen      int64   // different posts seen by either route
	Hours     int     // hours of posts in which both routes were whole, which the estimate is of
	Posts     float64 // how many there are likely to be in those hours, never below Seen
	Low, High float64 // 95 % interval of Posts
	Enough    bool    // at least MinBoth posts were seen by both; else Posts is Seen and there is no interval
}

// MinBoth is how many posts both routes must have shown before anything is estimated. Below about seven the estimator is
// biased and its interval too short (Robson and Regier 1964; Chapman 1951).
const MinBoth = 7

// Missed is the share of the posts that neither route has shown, at least: 0 to 1.
func (e Estimate) Missed() float64 {
	if e.Posts <= 0 {
		return 0
	}
	return max(1-float64(e.Seen)/e.Posts, 0)
}

// Overlap estimates by capture and recapture, with Chapman's estimator (1951) for each group of hours and the variance of
// Seber (1970). Hours are grouped, in order of time, until a group has MinBoth posts in common: routes that were both weak
// in the same hours would otherwise look as if they missed the same posts by nature, and routes that were weak in turn as
// if there were more. Of hours in which a route had a gap nothing may be handed in: a cap makes one route show what the
// other does not, and the estimate too large.
//
// The interval is of the posts not seen, log-normal (Burnham and others 1987), so that it never lies below what was seen.
func Overlap(hours []Catch) Estimate {
	hours = slices.SortedFunc(slices.Values(hours), func(a, b Catch) int { return a.At.Compare(b.At) })
	e := Estimate{Hours: len(hours)}
	var groups []Catch
	var sum, both Catch
	for _, h := range hours {
		e.Seen += h.First + h.Second - h.Both
		both.Both += h.Both
		sum.First, sum.Second, sum.Both = sum.First+h.First, sum.Second+h.Second, sum.Both+h.Both
		if sum.Both >= 3*MinBoth { // Chapman's bias is then below a thousandth for routes that see a half or more
			groups, sum = append(groups, sum), Catch{}
		}
	}
	if n := len(groups); n > 0 {
		groups[n-1] = Catch{First: groups[n-1].First + sum.First, Second: groups[n-1].Second + sum.Second, Both: groups[n-1].Both + sum.Both}
	} else {
		groups = append(groups, sum)
	}
	e.Posts = float64(e.Seen)
	e.Low, e.High = e.Posts, e.Posts
	if both.Both < MinBoth {
		return e
	}
	e.Enough = true
	total, variance := 0.0, 0.0
	for _, g := range groups {
		a, b, m := float64(g.First), float64(g.Second), float64(g.Both)
		total += (a+1)*(b+1)/(m+1) - 1
		variance += (a + 1) * (b + 1) * (a - m) * (b - m) / ((m + 1) * (m + 1) * (m + 2))
	}
	seen := float64(e.Seen)
	e.Posts = max(total, seen)
	unseen := e.Posts - seen
	if unseen <= 0 || variance <= 0 {
		// Everything one route showed the other showed too: the rule of three bounds what both can have missed.
		e.Low, e.High = seen, seen+unseen+3
		return e
	}
	c := math.Exp(1.96 * math.Sqrt(math.Log(1+variance/(unseen*unseen))))
	e.Low, e.High = seen+unseen/c, seen+unseen*c
	return e
}

// WholeHours keeps the hours that lie in a span of both routes.
func WholeHours(hours []Catch, first, second []Span) []Catch {
	whole := func(spans []Span, hour Span) bool {
		return slices.ContainsFunc(spans, func(s Span) bool { return !s.From.After(hour.From) && !s.To.Before(hour.To) })
	}
	first, second = Join(first), Join(second)
	var kept []Catch
	for _, h := range hours {
		hour := Span{h.At, h.At.Add(time.Hour)}
		if whole(first, hour) && whole(second, hour) {
			kept = append(kept, h)
		}
	}
	return kept
}
