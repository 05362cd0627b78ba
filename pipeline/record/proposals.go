package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"xunqin/search"
)

// Proposal is a change that takes two people: one proposes it, another decides. Kind says of what; Detail and Preview are what
// the kind makes of them.
type Proposal struct {
	ID, Kind, Detail, Preview string
	ProposedBy                string
	ProposedAt                time.Time
	DecidedBy                 string
	DecidedAt                 time.Time
	Decision                  string // empty while it waits, then Approved or Rejected
}

// The decisions on a proposal.
const (
	Approved = "approved"
	Rejected = "rejected"
)

// ErrOnePerson is returned to somebody who would decide what they proposed themselves.
var ErrOnePerson = errors.New("another person has to decide this")

const proposalColumns = `id, kind, detail, preview, proposed_by, proposed_at, decided_by, decided_at, decision`

func scanProposal(r scanner, p *Proposal) error {
	return r.Scan(&p.ID, &p.Kind, &p.Detail, &p.Preview, &p.ProposedBy, when{&p.ProposedAt}, &p.DecidedBy, when{&p.DecidedAt}, &p.Decision)
}

// AddProposal stores a proposal, in which Kind, Detail, Preview and ProposedBy are given.
func (s *Store) AddProposal(ctx context.Context, tx *sql.Tx, p Proposal) (string, error) {
	id := NewID()
	_, err := exec(ctx, "propose", tx, `INSERT INTO proposals (`+proposalColumns+`) VALUES ($1,$2,$3,$4,$5,$6,'',0,'')`, id, p.Kind, p.Detail, p.Preview, p.ProposedBy, s.now())
	return id, err
}

// Proposal reads one proposal.
func (s *Store) Proposal(ctx context.Context, tx *sql.Tx, id string) (Proposal, error) {
	return one("proposal", s.from(tx).QueryRowContext(ctx, `SELECT `+proposalColumns+` FROM proposals WHERE id=$1`, id), scanProposal)
}

// Proposals lists what waits for a decision, the longest first, then what was decided lately.
func (s *Store) Proposals(ctx context.Context, tx *sql.Tx, most int) ([]Proposal, error) {
	return all(ctx, "proposals", s.from(tx), scanProposal, `SELECT `+proposalColumns+` FROM proposals
		ORDER BY CASE WHEN decision='' THEN 0 ELSE 1 END, CASE WHEN decision='' THEN proposed_at ELSE -decided_at END, id LIMIT $1`, most)
}

// DecideProposal notes a decision. ErrOnePerson when it is the proposer's, unless they reject it: that takes back what they
// proposed. ErrStale when it was decided before.
func (s *Store) DecideProposal(ctx context.Context, tx *sql.Tx, id, by, decision string) (Proposal, error) {
	p, err := s.Proposal(ctx, tx, id)
	if err != nil {
		return p, err
	}
	if p.ProposedBy == by && decision == Approved {
		return p, fmt.Errorf("decide proposal: %w", ErrOnePerson)
	}
	p.DecidedBy, p.Decision = by, decision
	return p, must(ctx, "decide proposal", tx, ErrStale, `UPDATE proposals SET decided_by=$1, decided_at=$2, decision=$3 WHERE id=$4 AND decision=''`, by, s.now(), decision, id)
}

// Setting reads a setting that people change while the program runs; ErrNotFound when it was never changed.
func (s *Store) Setting(ctx context.Context, tx *sql.Tx, name string) (string, error) {
	return one("setting "+name, s.from(tx).QueryRowContext(ctx, `SELECT value FROM settings WHERE name=$1`, name), scanString)
}

// SetSetting stores a setting.
func (s *Store) SetSetting(ctx context.Context, tx *sql.Tx, name, value string) error {
	_, err := exec(ctx, "set "+name, tx, `INSERT INTO settings (name, value, changed_at) VALUES ($1,$2,$3) ON CONFLICT (name) DO UPDATE SET value=excluded.value, changed_at=excluded.changed_at`,
		name, value, s.now())
	return err
}

// Harmless is a picture known to be harmless: a logo, a meme, a stock photo, a banner. Copies of it make no leads.
type Harmless struct {
	ID, Label             string
	Prints                []search.Fingerprint
	PictureID             string // the picture it was made from; empty when a file was given
	CreatedBy, ApprovedBy string
	CreatedAt             time.Time
}

const harmlessColumns = `id, label, prints, picture_id, created_by, approved_by, created_at`

func scanHarmless(r scanner, h *Harmless) error {
	var prints string
	if err := r.Scan(&h.ID, &h.Label, &prints, &h.PictureID, &h.CreatedBy, &h.ApprovedBy, when{&h.CreatedAt}); err != nil {
		return err
	}
	return json.Unmarshal([]byte(prints), &h.Prints)
}

// AddHarmless stores an entry of the list.
func (s *Store) AddHarmless(ctx context.Context, tx *sql.Tx, h Harmless) (string, error) {
	id := NewID()
	prints, err := json.Marshal(h.Prints)
	if err != nil {
		return "", fmt.Errorf("add harmless picture: %w", err)
	}
	_, err = exec(ctx, "add harmless picture", tx, `INSERT INTO harmless (`+harmlessColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
		id, h.Label, string(prints), h.PictureID, h.CreatedBy, h.ApprovedBy, s.now())
	return id, err
}

// DropHarmless takes an entry off the list.
func (s *Store) DropHarmless(ctx context.Context, tx *sql.Tx, id string) error {
	return must(ctx, "drop harmless picture", tx, ErrNotFound, `DELETE FROM harmless WHERE id=$1`, id)
}

// HarmlessList lists all entries, the newest first.
func (s *Store) HarmlessList(ctx context.Context, tx *sql.Tx) ([]Harmless, error) {
	return all(ctx, "harmless pictures", s.from(tx), scanHarmless, `SELECT `+harmlessColumns+` FROM harmless ORDER BY created_at DESC, id`)
}
