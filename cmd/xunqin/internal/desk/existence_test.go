package desk

import (
	"cmp"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
)

// TestExistenceIsToldNeitherByTimeNorByWords_S14 asks for a thousand reports that exist but are not the person's, and as many
// that do not exist, interleaved: the answers are the same, and a rank test on their times cannot tell them apart. The same
// test finds a leak of five milliseconds when the steps are off, so it could have.
func TestExistenceIsToldNeitherByTimeNorByWords_S14(t *testing.T) {
	const pairs = 1000
	steps := newExistence(t, 250*time.Millisecond, 0)
	hits, misses := steps.ask(t, pairs, 50)
	first := rankTest(hits, misses)
	if first <= 0.01 { // so it is once in a hundred times where nothing is told: what is told is told again
		hits, misses = steps.ask(t, pairs, 50)
		if second := rankTest(hits, misses); second <= 0.01 {
			t.Errorf("times tell what exists: p = %.4f, then %.4f", first, second)
		}
	}
	off := newExistence(t, time.Nanosecond, 5*time.Millisecond)
	hits, misses = off.ask(t, pairs, 8)
	if p := rankTest(hits, misses); p > 1e-6 {
		t.Errorf("the test does not see a leak of 5 ms: p = %.4f", p)
	}
}

// existence is a desk with a report that is not the person's.
type existence struct {
	*site
	b    *browser
	id   string
	text string // of the first answer
}

// newExistence starts a desk whose answers leave at multiples of step; leak makes answers about what exists later.
func newExistence(t *testing.T, step, leak time.Duration) *existence {
	s := newSite(t, func(s *site) { s.Policy.Limits.AnswerStep = policy.Duration(step) })
	e := &existence{site: s, id: s.seedReport(t, record.Report{Name: "林示例", Place: "广东省广州市"})}
	e.b = s.working(t, "wang", "福建省", record.Volunteer)
	if leak > 0 {
		h, err := s.Handler()
		if err != nil {
			t.Fatal(err)
		}
		leaky := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, e.id) {
				select {
				case <-time.After(leak):
				case <-r.Context().Done():
				}
			}
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(leaky.Close)
		s.URL = leaky.URL
		e.b = s.as(t, "wang")
	}
	e.text = e.b.get("/reports/" + e.id).body
	return e
}

// ask asks for what exists and what does not in turn, so many at once, and gives how long each answer took.
func (e *existence) ask(t *testing.T, pairs, width int) (hits, misses []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	turns := make(chan int)
	for range width {
		wg.Go(func() {
			for i := range turns {
				hit := i%2 == 0
				id := e.id
				if !hit {
					id = record.NewID()
				}
				start := time.Now()
				a := e.b.get("/reports/" + id)
				took := time.Since(start)
				mu.Lock()
				if a.status != http.StatusNotFound || strings.ReplaceAll(a.body, id, "") != strings.ReplaceAll(e.text, e.id, "") {
					t.Errorf("exists %v: status %d, other words", hit, a.status)
				}
				if hit {
					hits = append(hits, took)
				} else {
					misses = append(misses, took)
				}
				mu.Unlock()
			}
		})
	}
	for i := range 2 * pairs {
		turns <- i
	}
	close(turns)
	wg.Wait()
	return hits, misses
}

// rankTest is the two-sided p of Mann and Whitney's test (Annals of Mathematical Statistics 18, 1947), normal approximation
// with ties at mean ranks.
func rankTest(a, b []time.Duration) float64 {
	type obs struct {
		d   time.Duration
		ofA bool
	}
	var all []obs
	for _, d := range a {
		all = append(all, obs{d, true})
	}
	for _, d := range b {
		all = append(all, obs{d, false})
	}
	slices.SortFunc(all, func(x, y obs) int { return cmp.Compare(x.d, y.d) })
	var rank, ties float64
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].d == all[i].d {
			j++
		}
		n := float64(j - i)
		ties += n*n*n - n
		for _, o := range all[i:j] {
			if o.ofA {
				rank += float64(i+j+1) / 2
			}
		}
		i = j
	}
	n, m := float64(len(a)), float64(len(b))
	u := rank - n*(n+1)/2
	sd := math.Sqrt(n * m / 12 * ((n + m + 1) - ties/((n+m)*(n+m-1))))
	return math.Erfc(math.Abs(u-n*m/2) / sd / math.Sqrt2)
}
