package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"strconv"
	"time"

	"xunqin/pipeline/record"
	"xunqin/search"
)

// The kinds of proposals: changes of how pictures are matched, which one admin proposes and another decides.
const (
	ProposedReach    = "reach"         // the detail is the reach
	ProposedHarmless = "harmless"      // the detail is the entry
	ProposedDrop     = "harmless-drop" // the detail is the entry's id
)

// ErrNoChange is returned for a proposal of what is so already.
var ErrNoChange = errors.New("nothing would change")

// HarmlessChange is what a change of the list of harmless pictures would do.
type HarmlessChange struct {
	Label     string
	Pictures  int // that would be put aside, or released
	Unchecked int // their leads that nobody has looked at
}

// ProposeReach proposes another reach, with what it would do now.
func (p *Pipeline) ProposeReach(ctx context.Context, actor string, to Reach) (string, error) {
	change, err := p.PreviewReach(ctx, to)
	if err != nil {
		return "", err
	}
	if change.From == change.To {
		return "", ErrNoChange
	}
	return p.propose(ctx, actor, ProposedReach, string(to), change, fmt.Sprintf("%s to %s", change.From, change.To))
}

// ProposeHarmless proposes a picture for the list of those known to be harmless. Of the entry Label and Prints are read, and
// PictureID when it was made from one that is here. ErrNothingToKnow when the prints are none of a whole picture.
func (p *Pipeline) ProposeHarmless(ctx context.Context, actor string, h record.Harmless) (string, error) {
	h.Prints, h.CreatedBy = wholly(h.Prints), actor
	if len(h.Prints) == 0 {
		return "", ErrNothingToKnow
	}
	change, err := p.changeOfHarmless(ctx, h, "")
	if err != nil {
		return "", err
	}
	detail, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("propose: %w", err)
	}
	return p.propose(ctx, actor, ProposedHarmless, string(detail), change, h.PictureID)
}

// ProposePicture is ProposeHarmless of a picture that is here, by its reference.
func (p *Pipeline) ProposePicture(ctx context.Context, actor, picture, label string) (string, error) {
	pic, err := p.Records.Picture(ctx, nil, picture)
	if err != nil {
		return "", err
	}
	if pic.Reference == "" {
		return "", ErrNothingToKnow
	}
	ref, err := p.Records.Photo(ctx, nil, pic.Reference)
	if err != nil {
		return "", err
	}
	return p.ProposeHarmless(ctx, actor, record.Harmless{Label: label, Prints: ref.Prints, PictureID: picture})
}

// ProposeFile is ProposeHarmless of a picture file, which is decoded and forgotten. A *photo.Refused says why it cannot be read.
func (p *Pipeline) ProposeFile(ctx context.Context, actor string, b []byte, label string) (string, error) {
	ready, err := p.prepare(ctx, b)
	if err != nil {
		return "", err
	}
	return p.ProposeHarmless(ctx, actor, record.Harmless{Label: label, Prints: ready.Fingerprints})
}

// ProposeDrop proposes to take an entry off the list of harmless pictures.
func (p *Pipeline) ProposeDrop(ctx context.Context, actor, entry string) (string, error) {
	h, err := p.harmlessEntry(ctx, nil, entry)
	if err != nil {
		return "", err
	}
	change, err := p.changeOfHarmless(ctx, h, record.AsideHarmless)
	if err != nil {
		return "", err
	}
	return p.propose(ctx, actor, ProposedDrop, entry, change, entry)
}

func (p *Pipeline) propose(ctx context.Context, actor, kind, detail string, preview any, note string) (id string, err error) {
	b, err := json.Marshal(preview)
	if err != nil {
		return "", fmt.Errorf("propose: %w", err)
	}
	err = p.Records.Tx(ctx, func(tx *sql.Tx) error {
		if id, err = p.Records.AddProposal(ctx, tx, record.Proposal{Kind: kind, Detail: detail, Preview: string(b), ProposedBy: actor}); err != nil {
			return err
		}
		return p.Records.Audit(ctx, tx, actor, kind+"-proposed", id, note)
	})
	return id, err
}

// DecideProposal notes the decision of a person, record.Approved or record.Rejected, and does what is approved, all or nothing.
// record.ErrOnePerson when they approve what they proposed themselves.
func (p *Pipeline) DecideProposal(ctx context.Context, actor, id, decision string) (record.Proposal, error) {
	var v record.Proposal
	if decision != record.Approved && decision != record.Rejected {
		return v, fmt.Errorf("decision %q: %w", decision, record.ErrNotFound)
	}
	if err := p.Follow(ctx); err != nil { // copies of a harmless picture are looked up
		return v, err
	}
	err := p.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if v, err = p.Records.DecideProposal(ctx, tx, id, actor, decision); err != nil {
			return err
		}
		if decision == record.Approved {
			if err := p.carryOut(ctx, tx, actor, v); err != nil {
				return err
			}
		}
		return p.Records.Audit(ctx, tx, actor, "proposal-"+decision, id, v.Kind)
	})
	return v, err
}

func (p *Pipeline) carryOut(ctx context.Context, tx *sql.Tx, actor string, v record.Proposal) error {
	switch v.Kind {
	case ProposedReach:
		_, err := p.SetReach(ctx, tx, actor, Reach(v.Detail))
		return err
	case ProposedHarmless:
		var h record.Harmless
		if err := json.Unmarshal([]byte(v.Detail), &h); err != nil {
			return fmt.Errorf("proposal %s: %w", v.ID, err)
		}
		h.CreatedBy, h.ApprovedBy = v.ProposedBy, actor
		return p.AddHarmless(ctx, tx, h)
	case ProposedDrop:
		return p.dropHarmless(ctx, tx, actor, v.Detail)
	}
	return fmt.Errorf("proposal %s of kind %q: %w", v.ID, v.Kind, record.ErrNotFound)
}

func (p *Pipeline) harmlessEntry(ctx context.Context, tx *sql.Tx, id string) (record.Harmless, error) {
	list, err := p.Records.HarmlessList(ctx, tx)
	for _, h := range list {
		if h.ID == id {
			return h, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("harmless picture %s: %w", id, record.ErrNotFound)
	}
	return record.Harmless{}, err
}

// dropHarmless takes an entry off the list. The pictures that were put aside for it are related anew, which puts those aside
// again that another entry names.
func (p *Pipeline) dropHarmless(ctx context.Context, tx *sql.Tx, actor, id string) error {
	h, err := p.harmlessEntry(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := p.Records.DropHarmless(ctx, tx, id); err != nil {
		return err
	}
	pictures, err := p.picturesOf(ctx, tx, h, record.AsideHarmless)
	if err != nil {
		return err
	}
	for _, pic := range pictures {
		if err := p.Records.SetAside(ctx, tx, pic.ID, ""); err != nil {
			return err
		}
		if err := p.relateCopies(ctx, tx, pic.ID); err != nil {
			return err
		}
	}
	return p.Records.Audit(ctx, tx, actor, "harmless-dropped", id, "pictures "+strconv.Itoa(len(pictures)))
}

// picturesOf are the pictures, in the given state of being put aside, that have a copy of a harmless one.
func (p *Pipeline) picturesOf(ctx context.Context, tx *sql.Tx, h record.Harmless, aside string) ([]record.Picture, error) {
	copies, err := p.copies(ctx, record.Photo{Prints: wholly(h.Prints)}, everything)
	if err != nil {
		return nil, err
	}
	var ids []string
	seen := map[string]bool{"": true}
	for _, c := range copies {
		if !seen[c.photo.PictureID] && harmless([]record.Harmless{h}, c.photo) {
			seen[c.photo.PictureID] = true
			ids = append(ids, c.photo.PictureID)
		}
	}
	list, err := p.Records.Pictures(ctx, tx, ids)
	var out []record.Picture
	for _, pic := range list {
		if pic.Aside == aside {
			out = append(out, pic)
		}
	}
	return out, err
}

func (p *Pipeline) changeOfHarmless(ctx context.Context, h record.Harmless, aside string) (HarmlessChange, error) {
	c := HarmlessChange{Label: h.Label}
	if err := p.Follow(ctx); err != nil {
		return c, err
	}
	pictures, err := p.picturesOf(ctx, nil, h, aside)
	if err != nil {
		return c, err
	}
	c.Pictures = len(pictures)
	for _, pic := range pictures {
		leads, err := p.Records.LeadsOfPicture(ctx, nil, pic.ID)
		if err != nil {
			return c, err
		}
		for _, l := range leads {
			if l.State == record.LeadUnchecked {
				c.Unchecked++
			}
		}
	}
	return c, nil
}

// wholly are the fingerprints that cover their picture. A banner is known by itself alone: its middle, or a rectangle that looks
// like it, may stand in a picture that is anything but harmless.
func wholly(prints []search.Fingerprint) (whole []search.Fingerprint) {
	var all image.Rectangle
	for _, f := range prints {
		all = all.Union(f.Part)
	}
	for _, f := range prints {
		if f.Part == all {
			whole = append(whole, f)
		}
	}
	return whole
}

// compareRate is the setting that says how many photos an hour were compared again when that was done last.
const compareRate = "compare-rate"

// noteRate notes how fast photos are compared again.
func (p *Pipeline) noteRate(ctx context.Context, tx *sql.Tx, photos int, took time.Duration) error {
	if photos == 0 || took <= 0 {
		return nil
	}
	return p.Records.SetSetting(ctx, tx, compareRate, strconv.FormatInt(int64(float64(photos)/took.Hours()), 10))
}

// Comparing says how many photos are left to be compared again, and how many an hour were when that was done last; zero when it
// never was.
func (p *Pipeline) Comparing(ctx context.Context) (left, anHour int64, err error) {
	if left, err = p.Records.CountBehind(ctx, nil); err != nil {
		return 0, 0, err
	}
	v, err := p.Records.Setting(ctx, nil, compareRate)
	if record.IsNotFound(err) {
		return left, 0, nil
	}
	if err != nil {
		return left, 0, err
	}
	anHour, err = strconv.ParseInt(v, 10, 64)
	return left, anHour, err
}
