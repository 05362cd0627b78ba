// Package lead holds the rules by which people's verdicts move a lead from unchecked to agreed or different. It has no
// side effects and knows no distance: no likeness, not even of exact bytes, moves a lead without a person.
package lead

import "xunqin/pipeline/record"

// Opinion is one person's standing verdict.
type Opinion struct {
	Person   string
	Decision string // record.Same, Likely, Different, Unsure or Harmful
	Reviewer bool   // whether the person held the reviewer's role when giving it
}

// State says where opinions, in the order they were given, leave a lead. Each person counts once, with the last opinion.
//
//   - One "harmful" seals the lead, whatever the others say.
//   - Two different people who say same or likely agree.
//   - "Different" alone closes the lead; against a same or likely it is a dispute.
//   - "Cannot tell" beside a same or likely leaves it unsure: it never becomes agreement by itself.
//   - A dispute or a doubt is decided by a third person, who must be a reviewer and must not have given one of the opinions
//     in question before.
func State(opinions []Opinion) string {
	opinions = last(opinions)
	var yes, no, unsure int
	for _, o := range opinions {
		switch o.Decision {
		case record.Harmful:
			return record.LeadHarmful
		case record.Same, record.Likely:
			yes++
		case record.Different:
			no++
		case record.Unsure:
			unsure++
		}
	}
	if n := len(opinions); n >= 3 && opinions[n-1].Reviewer && (unsure > 0 || yes > 0 && no > 0) {
		switch opinions[n-1].Decision {
		case record.Same, record.Likely:
			if yes >= 2 {
				return record.LeadAgreed
			}
		case record.Different:
			return record.LeadDifferent
		}
	}
	switch {
	case yes > 0 && no > 0:
		return record.LeadDisputed
	case unsure > 0:
		return record.LeadUnsure
	case yes >= 2:
		return record.LeadAgreed
	case yes == 1:
		return record.LeadFirst
	case no > 0:
		return record.LeadDifferent
	}
	return record.LeadUnchecked
}

// last keeps each person's last opinion, in the order of those.
func last(opinions []Opinion) []Opinion {
	at := map[string]int{}
	for i, o := range opinions {
		at[o.Person] = i
	}
	var out []Opinion
	for i, o := range opinions {
		if at[o.Person] == i {
			out = append(out, o)
		}
	}
	return out
}

// Final reports whether a lead in this state waits for nobody.
func Final(state string) bool {
	return state == record.LeadAgreed || state == record.LeadDifferent || state == record.LeadHarmful
}
