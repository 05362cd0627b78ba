package exam

import "time"

// A stopwatch tells the milliseconds between laps.
type stopwatch struct{ last time.Duration }

func (s *stopwatch) lap() float64 {
	now := spent()
	ms := float64(now-s.last) / float64(time.Millisecond)
	s.last = now
	return ms
}
