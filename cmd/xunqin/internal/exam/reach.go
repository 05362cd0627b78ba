package exam

import (
	"xunqin/pipeline"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// A relation is what two pictures have to do with each other by the set.
type relation int

const (
	isCopy      relation = iota // one is an edited copy of the other
	isAlike                     // they look alike and are no copies
	isUnrelated                 // they have nothing to do with each other
)

// judge counts an answer under its kind, and says at which reaches it makes a lead.
func (r *Report) judge(v Verdict, is relation) (taken []pipeline.Reach) {
	if v.Kind == "" {
		return nil
	}
	k := r.Kinds[v.Kind]
	k.Of++
	if apart := v.Kind == feature.Scene || v.Kind == feature.Layout; is == isUnrelated || is == isAlike && !apart {
		k.Wrong++
	}
	r.Kinds[v.Kind] = k
	tie := record.NewTie("", "", v.Match)
	for _, reach := range pipeline.Reaches() {
		if reach.Takes(tie) {
			taken = append(taken, reach)
		}
	}
	return taken
}

// reached adds to the counts of each reach.
func (r *Report) reached(taken []pipeline.Reach, count func(*pipeline.ReachRates)) {
	for _, reach := range taken {
		f := r.Reaches[reach]
		count(&f)
		r.Reaches[reach] = f
	}
}
