package searchtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"xunqin/search"
)

// RunShelf runs the suite that every search.Shelf passes. open returns an empty shelf each time, on a place of its own.
func RunShelf(t *testing.T, open func(t *testing.T) search.Shelf) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *shelf)
	}{
		{"AnEmptyShelfHasNothing", emptyShelf},
		{"GenerationsChangePlaces", generationsChangePlaces},
		{"WhatIsBeingBuiltIsKept", nextIsKept},
		{"WhatIsDroppedIsGone", droppedIsGone},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, &shelf{open(t), t}) })
	}
}

type shelf struct {
	search.Shelf
	t *testing.T
}

// index opens a generation and closes it when the test ends.
func (s *shelf) index(name string) search.Index {
	s.t.Helper()
	x, err := s.Open(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return x
}

func (s *shelf) close(x search.Index) {
	s.t.Helper()
	if err := x.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *shelf) generations() search.Generations {
	s.t.Helper()
	g, err := s.Generations(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return g
}

// begin begins a generation of one document and leaves it open.
func (s *shelf) begin(id string, from int64) search.Index {
	s.t.Helper()
	if err := s.Begin(s.t.Context(), at(int(from)), from); err != nil {
		s.t.Fatal(err)
	}
	x := s.index(s.generations().Next.Name)
	put(s.t, x, post(id, "张三"))
	return x
}

// holds expects the one document in an index, and closes it.
func (s *shelf) holds(x search.Index, id string) {
	s.t.Helper()
	defer s.close(x)
	r, err := x.Find(s.t.Context(), search.Text("张三"), search.Page{})
	if err != nil {
		s.t.Fatal(err)
	}
	var got []string
	for _, f := range r.Found {
		got = append(got, f.ID)
	}
	if diff := cmp.Diff([]string{id}, got); diff != "" {
		s.t.Errorf("the index holds (-want +got):\n%s", diff)
	}
}

func emptyShelf(t *testing.T, s *shelf) {
	if diff := cmp.Diff(search.Generations{}, s.generations()); diff != "" {
		t.Errorf("generations (-want +got):\n%s", diff)
	}
	x := s.index("")
	if i, err := x.Info(t.Context()); err != nil || i.Engine != s.Engine() {
		t.Errorf("engine %q, want %q (%v)", i.Engine, s.Engine(), err)
	}
	if _, err := s.Promote(t.Context(), x); err == nil {
		t.Error("promoted, and nothing was begun")
	}
	if _, err := s.Back(t.Context(), x); err == nil {
		t.Error("went back, and nothing is kept")
	}
	s.close(x)
	g := s.generations()
	if g.Current.Name == "" || g.Old.Name+g.Next.Name != "" {
		t.Errorf("generations: %+v", g)
	}
}

func generationsChangePlaces(t *testing.T, s *shelf) {
	x := s.index("")
	put(t, x, post("first", "张三"))
	first := s.generations().Current
	next := s.begin("second", 7)
	second := s.generations().Next
	if want := (search.Generation{Name: second.Name, Began: at(7), From: 7}); cmp.Diff(want, second, cmpopts.EquateApproxTime(0)) != "" {
		t.Errorf("begun: %+v, want %+v", second, want)
	}
	s.holds(x, "first")
	s.holds(s.index(""), "first")
	now, err := s.Promote(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	s.holds(now, "second")
	s.holds(s.index(""), "second")
	s.holds(s.index(first.Name), "first")
	if diff := cmp.Diff(search.Generations{Current: second, Old: first}, s.generations()); diff != "" {
		t.Errorf("after the exchange (-want +got):\n%s", diff)
	}

	now, err = s.Back(t.Context(), s.index(first.Name))
	if err != nil {
		t.Fatal(err)
	}
	s.holds(now, "first")
	s.holds(s.index(""), "first")
	if diff := cmp.Diff(search.Generations{Current: first, Old: second}, s.generations()); diff != "" {
		t.Errorf("after going back (-want +got):\n%s", diff)
	}

	now, err = s.Promote(t.Context(), s.begin("third", 9))
	if err != nil {
		t.Fatal(err)
	}
	s.holds(now, "third")
	if g := s.generations(); g.Old != first {
		t.Errorf("kept is %+v, want %+v", g.Old, first)
	}
	if _, err := s.Open(t.Context(), second.Name); !errors.Is(err, search.ErrRebuild) {
		t.Errorf("the one before the old one: %v", err)
	}
}

func nextIsKept(t *testing.T, s *shelf) {
	s.close(s.index(""))
	x := s.begin("a", 3)
	if err := x.Apply(t.Context(), 2, []search.Doc{post("a", "张三")}, nil); err != nil {
		t.Fatal(err)
	}
	s.close(x)
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := s.generations().Next
	x = s.index(kept.Name)
	if i, err := x.Info(t.Context()); err != nil || i.Seq != 2 {
		t.Errorf("mark %d, want 2 (%v)", i.Seq, err)
	}
	s.holds(x, "a")
	s.holds(s.begin("b", 4), "b")
	if _, err := s.Open(t.Context(), kept.Name); !errors.Is(err, search.ErrRebuild) {
		t.Errorf("what was begun before: %v", err)
	}
}

func droppedIsGone(t *testing.T, s *shelf) {
	s.close(s.index(""))
	now, err := s.Promote(t.Context(), s.begin("b", 1))
	if err != nil {
		t.Fatal(err)
	}
	s.close(now)
	s.close(s.begin("c", 2))
	g := s.generations()
	for _, name := range []string{g.Old.Name, g.Next.Name, "another"} {
		if err := s.Drop(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), name); !errors.Is(err, search.ErrRebuild) {
			t.Errorf("dropped: %v", err)
		}
	}
	if diff := cmp.Diff(search.Generations{Current: g.Current}, s.generations()); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	s.holds(s.index(""), "b")
	if err := s.Drop(t.Context(), g.Current.Name); err != nil {
		t.Fatal(err)
	}
	x := s.index("")
	if i, err := x.Info(t.Context()); err != nil || i.Docs != 0 {
		t.Errorf("%d documents in a new index (%v)", i.Docs, err)
	}
	s.close(x)
	if g := s.generations(); !g.Current.Began.Equal(time.Time{}) || g.Current.Name == "" {
		t.Errorf("made anew: %+v", g.Current)
	}
}
