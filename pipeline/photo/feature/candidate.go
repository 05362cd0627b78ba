package feature

import (
	"slices"

	"xunqin/search"
)

// A Place is one view of a query, as it is or mirrored.
type Place struct {
	View     int // among the query's Probes
	Mirrored bool
}

// everywhere returns every place of a query.
func (p Prepared) everywhere() []Place {
	all := make([]Place, 0, 2*len(p.views))
	for i := range p.views {
		all = append(all, Place{View: i}, Place{i, true})
	}
	return all
}

// A Candidate is a photo that an index found in some places of a query. Its score is that of the place where it is best.
type Candidate struct {
	search.Candidate
	Where []Place // the best first
}

// Candidates asks an index about every place of the query, and returns which photos to compare with it and where, the best first.
// They are the best most of all that were found and, since each part of a collage may be of another photo, the best of every view
// besides. vote answers as search.Index does, for one place.
func (p Prepared) Candidates(most int, vote func(search.Features) ([]search.Candidate, error)) ([]Candidate, error) {
	type found struct {
		search.Candidate
		at Place
	}
	var all []found
	for i := range p.views {
		probe := &p.views[i].probe
		for _, at := range []Place{{View: i}, {i, true}} {
			f := probe.Plain
			if at.Mirrored {
				f = probe.Mirrored
			}
			if len(f.Points) == 0 {
				continue
			}
			list, err := vote(f)
			if err != nil {
				return nil, err
			}
			for _, c := range list {
				all = append(all, found{c, at})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.Compare(b.Candidate) })
	var out []Candidate
	led := make([]bool, len(p.views)) // views whose best is among them
	for _, f := range all {
		i := slices.IndexFunc(out, func(c Candidate) bool { return c.Doc == f.Doc && c.Photo == f.Photo && c.Kind == f.Kind })
		switch {
		case i >= 0:
			out[i].Where = append(out[i].Where, f.at)
		case len(out) < most || !led[f.at.View]:
			out = append(out, Candidate{f.Candidate, []Place{f.at}})
		}
		led[f.at.View] = true
	}
	return out, nil
}
