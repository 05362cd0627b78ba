package lead

import (
	"testing"

	"pgregory.net/rapid"

	"xunqin/pipeline/record"
)

func TestState(t *testing.T) {
	o := func(person, decision string) Opinion {
		return Opinion{Person: person, Decision: decision, Reviewer: person[0] == 'R'}
	}
	for name, tc := range map[string]struct {
		opinions []Opinion
		want     string
	}{
		"nobody":                         {nil, record.LeadUnchecked},
		"one yes":                        {[]Opinion{o("a", "same")}, record.LeadFirst},
		"one yes twice":                  {[]Opinion{o("a", "same"), o("a", "likely")}, record.LeadFirst},
		"two people":                     {[]Opinion{o("a", "same"), o("b", "likely")}, record.LeadAgreed},
		"different":                      {[]Opinion{o("a", "different")}, record.LeadDifferent},
		"dispute":                        {[]Opinion{o("a", "same"), o("b", "different")}, record.LeadDisputed},
		"dispute, third not reviewer":    {[]Opinion{o("a", "same"), o("b", "different"), o("c", "same")}, record.LeadDisputed},
		"dispute, reviewer says yes":     {[]Opinion{o("a", "same"), o("b", "different"), o("R", "same")}, record.LeadAgreed},
		"dispute, reviewer says no":      {[]Opinion{o("a", "same"), o("b", "different"), o("R", "different")}, record.LeadDifferent},
		"dispute, reviewer is the first": {[]Opinion{o("R", "same"), o("b", "different")}, record.LeadDisputed},
		"reviewer repeats":               {[]Opinion{o("R", "same"), o("b", "different"), o("R", "same")}, record.LeadDisputed},
		"doubt":                          {[]Opinion{o("a", "same"), o("b", "unsure")}, record.LeadUnsure},
		"doubt, third not reviewer":      {[]Opinion{o("a", "same"), o("b", "unsure"), o("c", "same")}, record.LeadUnsure},
		"doubt, reviewer":                {[]Opinion{o("a", "same"), o("b", "unsure"), o("R", "same")}, record.LeadAgreed},
		"one yes, doubts, reviewer":      {[]Opinion{o("a", "unsure"), o("b", "unsure"), o("R", "same")}, record.LeadUnsure},
		"harmful":                        {[]Opinion{o("a", "same"), o("b", "same"), o("c", "harmful")}, record.LeadHarmful},
	} {
		t.Run(name, func(t *testing.T) {
			if got := State(tc.opinions); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestNoLeadIsAgreedByOnePersonOrAgainstADoubtWithoutAReviewer(t *testing.T) {
	decisions := []string{record.Same, record.Likely, record.Different, record.Unsure, record.Harmful}
	rapid.Check(t, func(t *rapid.T) {
		opinions := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Opinion {
			p := rapid.SampledFrom([]string{"a", "b", "c", "R1", "R2"}).Draw(t, "person")
			return Opinion{Person: p, Decision: rapid.SampledFrom(decisions).Draw(t, "decision"), Reviewer: p[0] == 'R'}
		}), 0, 8).Draw(t, "opinions")
		if State(opinions) != record.LeadAgreed {
			return
		}
		yes, other, reviewer := map[string]bool{}, false, false
		for _, o := range last(opinions) {
			if o.Decision == record.Same || o.Decision == record.Likely {
				yes[o.Person] = true
				reviewer = reviewer || o.Reviewer
			} else {
				other = true
			}
		}
		if len(yes) < 2 {
			t.Fatalf("agreed by %d: %+v", len(yes), opinions)
		}
		if other && !reviewer {
			t.Fatalf("agreed against a doubt without a reviewer: %+v", opinions)
		}
	})
}
