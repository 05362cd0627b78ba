package pipeline

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"xunqin/pipeline/record"
)

// Dump writes one JSON object a line for every post, photo, report, lead and delivery, and for the facts of each post and report
// by which rules they were read and how many numbers they hold: ids, states, hashes and fingerprints, no text, no name, no picture. It is for machines that check what is there.
func (p *Pipeline) Dump(ctx context.Context, w io.Writer) error {
	enc := json.NewEncoder(w)
	err := p.Records.EachPost(ctx, func(post record.Post) error {
		return enc.Encode(struct {
			Type     string    `json:"type"`
			ID       string    `json:"id"`
			Source   string    `json:"source"`
			Native   string    `json:"native_id"`
			Kind     string    `json:"kind"`
			State    string    `json:"state"`
			Step     string    `json:"step"`
			PostedAt time.Time `json:"posted_at"`
			SeenAt   time.Time `json:"seen_at"`
		}{"post", post.ID, post.SourceID, post.NativeID, post.Kind, post.State, post.Step, post.PostedAt, post.SeenAt})
	})
	if err != nil {
		return err
	}
	err = p.Records.EachReport(ctx, func(r record.Report) error {
		return enc.Encode(struct {
			Type      string    `json:"type"`
			ID        string    `json:"id"`
			Kind      string    `json:"kind"`
			Number    string    `json:"number"`
			Status    string    `json:"status"`
			Step      string    `json:"step"`
			CreatedAt time.Time `json:"created_at"`
		}{"report", r.ID, r.Kind, r.Number, r.Status, r.Step, r.CreatedAt})
	})
	if err != nil {
		return err
	}
	type fingerprint struct {
		Algo string `json:"algo"`
		Bits string `json:"bits"`
		Part [4]int `json:"part"`
	}
	err = p.Records.EachPhoto(ctx, func(ph record.Photo) error {
		prints, err := p.Records.PrintsOf(ctx, nil, ph.ID)
		if err != nil {
			return err
		}
		list := []fingerprint{}
		for _, f := range prints {
			list = append(list, fingerprint{f.Algo, hex.EncodeToString(f.Bits), [4]int{f.Part.Min.X, f.Part.Min.Y, f.Part.Max.X, f.Part.Max.Y}})
		}
		return enc.Encode(struct {
			Type      string        `json:"type"`
			ID        string        `json:"id"`
			Post      string        `json:"post,omitempty"`
			Report    string        `json:"report,omitempty"`
			State     string        `json:"state"`
			Why       string        `json:"why,omitempty"`
			SHA256    string        `json:"sha256,omitempty"`
			Format    string        `json:"format,omitempty"`
			Width     int           `json:"width"`
			Height    int           `json:"height"`
			Picture   string        `json:"picture,omitempty"`
			Matchable bool          `json:"matchable"`
			Prints    []fingerprint `json:"fingerprints"`
		}{"photo", ph.ID, ph.PostID, ph.ReportID, ph.State, ph.Why, ph.SHA256, ph.Format, ph.Width, ph.Height, ph.PictureID, ph.Matchable, list})
	})
	if err != nil {
		return err
	}
	err = p.Records.EachLead(ctx, func(l record.Lead) error {
		sightings, err := p.Records.Sightings(ctx, nil, l.ID)
		if err != nil {
			return err
		}
		photos := []string{}
		for _, s := range sightings {
			photos = append(photos, s.PhotoID)
		}
		return enc.Encode(struct {
			Type        string    `json:"type"`
			ID          string    `json:"id"`
			Report      string    `json:"report"`
			ReportPhoto string    `json:"report_photo,omitempty"`
			Picture     string    `json:"picture,omitempty"`
			Post        string    `json:"post,omitempty"`
			Other       string    `json:"other_report,omitempty"`
			Pair        string    `json:"pair"`
			Kind        string    `json:"kind"`
			State       string    `json:"state"`
			Sightings   []string  `json:"sightings"`
			CreatedAt   time.Time `json:"created_at"`
		}{"lead", l.ID, l.ReportID, l.ReportPhotoID, l.PictureID, l.PostID, l.OtherID, l.Pair, l.Kind, l.State, photos, l.CreatedAt})
	})
	if err != nil {
		return err
	}
	err = p.Records.EachFacts(ctx, func(f record.FactsRow) error {
		return enc.Encode(struct {
			Type    string `json:"type"`
			Of      string `json:"of"`
			Kind    string `json:"kind"`
			Rules   int64  `json:"rules"`
			Numbers int64  `json:"numbers"`
		}{"facts", f.ID, f.Kind, f.Version, f.Numbers})
	})
	if err != nil {
		return err
	}
	return p.Records.EachDelivery(ctx, func(d record.Delivery) error {
		return enc.Encode(struct {
			Type      string    `json:"type"`
			ID        string    `json:"id"`
			Query     string    `json:"saved_query,omitempty"`
			Subject   string    `json:"subject"`
			Channel   string    `json:"channel"`
			State     string    `json:"state"`
			Tries     int       `json:"tries"`
			CreatedAt time.Time `json:"created_at"`
		}{"delivery", d.ID, d.SavedQueryID, d.Subject, d.Channel, d.State, d.Tries, d.CreatedAt})
	})
}
