package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
)

// matchingCmd is the desk's page of matching settings. Whoever changes something names the admin they are: the two who it takes
// are different accounts here too.
type matchingCmd struct {
	Show     matchingShowCmd     `cmd:"" default:"1" help:"Show the settings, what waits for a decision and what is put aside (the default)."`
	Preview  matchingPreviewCmd  `cmd:"" help:"Say what another reach would do."`
	Propose  matchingProposeCmd  `cmd:"" help:"Propose another reach."`
	Harmless matchingHarmlessCmd `cmd:"" help:"Propose a picture for the list of those known to be harmless: a file, or one that is put aside."`
	Drop     matchingDropCmd     `cmd:"" help:"Propose to take an entry off that list."`
	Approve  matchingApproveCmd  `cmd:"" help:"Approve what another admin proposed."`
	Reject   matchingRejectCmd   `cmd:"" help:"Reject a proposal, or take one's own back."`
	Release  matchingReleaseCmd  `cmd:"" help:"Let a picture that was put aside make leads."`
}

type matchingShown struct {
	Reach     pipeline.Reach     `json:"reach"`
	Figures   pipeline.Figures   `json:"figures"`
	Proposals []matchingProposal `json:"proposals"`
	Harmless  []matchingEntry    `json:"harmless"`
	Aside     []matchingAside    `json:"aside"`
	Left      int64              `json:"to_compare_again"`
	AnHour    int64              `json:"compared_an_hour"`
}

type matchingProposal struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	To       string          `json:"to,omitempty"`
	Preview  json.RawMessage `json:"preview"`
	By       string          `json:"by"`
	At       time.Time       `json:"at"`
	Decision string          `json:"decision,omitempty"`
}

type matchingEntry struct {
	ID    string    `json:"id"`
	Label string    `json:"label"`
	At    time.Time `json:"at"`
}

type matchingAside struct {
	Picture string    `json:"picture"`
	Why     string    `json:"why"`
	Since   time.Time `json:"since"`
	Copies  int64     `json:"copies"`
	Reports int64     `json:"reports"`
}

type matchingShowCmd struct{}

func (c *matchingShowCmd) run(ctx context.Context, e *Env, a *app.App) (err error) {
	out := matchingShown{Figures: pipeline.Measured(), Proposals: []matchingProposal{}, Harmless: []matchingEntry{}, Aside: []matchingAside{}}
	if out.Reach, err = a.Pipeline.Reach(ctx, nil); err != nil {
		return err
	}
	users, err := a.Records.Users(ctx, nil)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, u := range users {
		names[u.ID] = u.Name
	}
	proposals, err := a.Records.Proposals(ctx, nil, 100)
	if err != nil {
		return err
	}
	for _, p := range proposals {
		v := matchingProposal{p.ID, p.Kind, "", json.RawMessage(p.Preview), names[p.ProposedBy], p.ProposedAt, p.Decision}
		if p.Kind == pipeline.ProposedReach {
			v.To = p.Detail
		}
		out.Proposals = append(out.Proposals, v)
	}
	list, err := a.Records.HarmlessList(ctx, nil)
	if err != nil {
		return err
	}
	for _, h := range list {
		out.Harmless = append(out.Harmless, matchingEntry{h.ID, h.Label, h.CreatedAt})
	}
	aside, err := a.Records.PicturesAside(ctx, nil, 1000)
	if err != nil {
		return err
	}
	for _, pic := range aside {
		copies, reports, err := a.Records.CopiesAndReports(ctx, nil, pic.ID)
		if err != nil {
			return err
		}
		out.Aside = append(out.Aside, matchingAside{pic.ID, pic.Aside, pic.AsideAt, copies, reports})
	}
	if out.Left, out.AnHour, err = a.Pipeline.Comparing(ctx); err != nil {
		return err
	}
	return e.print(out, func(w io.Writer) {
		for _, r := range pipeline.Reaches() {
			f, now := out.Figures.Reaches[r], ""
			if r == out.Reach {
				now = e.T("matching.now")
			}
			fmt.Fprintln(w, e.T("cli.matchingreach", "reach", e.T("reach."+string(r)), "found", f.Found, "copies", f.Copies, "taken", f.AlikeTaken, "alike", f.Alike, "false", f.FalseTaken, "unrelated", f.Unrelated), now)
		}
		for _, p := range out.Proposals {
			state := e.T("matching.waits")
			if p.Decision != "" {
				state = e.T("proposalstate." + p.Decision)
			}
			fmt.Fprintln(w, p.ID, e.T("proposal."+p.Kind), p.To, state, string(p.Preview))
		}
		for _, h := range out.Harmless {
			fmt.Fprintln(w, h.ID, e.T("aside.harmless"), h.Label)
		}
		for _, pic := range out.Aside {
			fmt.Fprintln(w, e.T("cli.matchingaside", "picture", pic.Picture, "why", e.T("aside."+pic.Why), "since", pic.Since.Format(time.DateOnly), "copies", pic.Copies, "reports", pic.Reports))
		}
		if out.Left > 0 {
			fmt.Fprintln(w, e.T("matching.left", "n", out.Left))
		}
	})
}

// asAdmin names who acts.
type asAdmin struct {
	As string `help:"The admin who does this." required:"" placeholder:"NAME"`
}

func (c asAdmin) id(ctx context.Context, a *app.App) (string, error) {
	u, err := a.Records.UserNamed(ctx, nil, c.As)
	if err == nil && (!u.Is(record.Admin) || !u.DisabledAt.IsZero()) {
		err = record.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("admin %s: %w", c.As, err)
	}
	return u.ID, nil
}

type matchingPreviewCmd struct {
	Reach string `arg:"" enum:"narrow,usual,wide" help:"narrow, usual or wide."`
}

func (c *matchingPreviewCmd) run(ctx context.Context, e *Env, a *app.App) error {
	v, err := a.Pipeline.PreviewReach(ctx, pipeline.Reach(c.Reach))
	if err != nil {
		return err
	}
	return e.print(v, func(w io.Writer) {
		fmt.Fprintln(w, e.T("matching.change", "gained", v.Gained, "gone", v.Unchecked))
		if v.Checked > 0 {
			fmt.Fprintln(w, e.T("matching.stays", "n", v.Checked, "agreed", v.Confirmed))
		}
	})
}

type matchingProposeCmd struct {
	Reach string `arg:"" enum:"narrow,usual,wide" help:"narrow, usual or wide."`
	asAdmin
}

func (c *matchingProposeCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return propose(ctx, e, a, c.asAdmin, func(actor string) (string, error) {
		return a.Pipeline.ProposeReach(ctx, actor, pipeline.Reach(c.Reach))
	})
}

type matchingHarmlessCmd struct {
	Label   string `arg:"" help:"What it is, in a few words."`
	File    string `help:"A file with the picture." placeholder:"FILE" xor:"what" required:""`
	Picture string `help:"A picture that is put aside." placeholder:"ID" xor:"what" required:""`
	asAdmin
}

func (c *matchingHarmlessCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return propose(ctx, e, a, c.asAdmin, func(actor string) (string, error) {
		if c.File == "" {
			return a.Pipeline.ProposePicture(ctx, actor, c.Picture, c.Label)
		}
		b, err := readPicture(e.path(c.File))
		if err != nil {
			return "", err
		}
		return a.Pipeline.ProposeFile(ctx, actor, b, c.Label)
	})
}

type matchingDropCmd struct {
	ID string `arg:"" help:"The entry."`
	asAdmin
}

func (c *matchingDropCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return propose(ctx, e, a, c.asAdmin, func(actor string) (string, error) { return a.Pipeline.ProposeDrop(ctx, actor, c.ID) })
}

func propose(ctx context.Context, e *Env, a *app.App, as asAdmin, with func(actor string) (string, error)) error {
	actor, err := as.id(ctx, a)
	if err != nil {
		return err
	}
	id, err := with(actor)
	switch {
	case errors.Is(err, pipeline.ErrNoChange):
		return errors.New(e.T("matching.nochange"))
	case errors.Is(err, pipeline.ErrNothingToKnow):
		return errors.New(e.T("matching.flat"))
	case err != nil:
		return err
	}
	return e.print(map[string]string{"id": id}, func(w io.Writer) { fmt.Fprintln(w, id, e.T("matching.proposed")) })
}

type matchingApproveCmd struct {
	ID string `arg:"" help:"The proposal."`
	asAdmin
}

func (c *matchingApproveCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return decide(ctx, e, a, c.asAdmin, c.ID, record.Approved)
}

type matchingRejectCmd struct {
	ID string `arg:"" help:"The proposal."`
	asAdmin
}

func (c *matchingRejectCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return decide(ctx, e, a, c.asAdmin, c.ID, record.Rejected)
}

func decide(ctx context.Context, e *Env, a *app.App, as asAdmin, id, decision string) error {
	actor, err := as.id(ctx, a)
	if err != nil {
		return err
	}
	_, err = a.Pipeline.DecideProposal(ctx, actor, id, decision)
	if errors.Is(err, record.ErrOnePerson) {
		return errors.New(e.T("problem.oneperson"))
	}
	if err != nil {
		return err
	}
	return e.print(map[string]string{"id": id, "decision": decision}, func(w io.Writer) { fmt.Fprintln(w, e.T("proposaldone."+decision)) })
}

type matchingReleaseCmd struct {
	Picture string `arg:"" help:"The picture."`
	asAdmin
}

func (c *matchingReleaseCmd) run(ctx context.Context, e *Env, a *app.App) error {
	actor, err := c.id(ctx, a)
	if err != nil {
		return err
	}
	if err := a.Pipeline.Release(ctx, actor, c.Picture); err != nil {
		return err
	}
	return e.print(map[string]string{"picture": c.Picture, "done": "released"}, func(w io.Writer) { fmt.Fprintln(w, e.T("matching.released")) })
}
