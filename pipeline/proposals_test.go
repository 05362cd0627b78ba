package pipeline_test

import (
	"encoding/json"
	"errors"
	"image"
	imagedraw "image/draw"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
)

func TestWhatTwoPeopleCallHarmlessIsPutAsideAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.report(t, "A", jpg(draw(1), 90))
		r.report(t, "B", jpg(draw(2), 90))
		r.site.post("banner", jpg(draw(1), 70))
		page, _ := onto(image.Pt(1100, 900), 3, draw(1), image.Pt(20, 30))
		imagedraw.Draw(page.(*image.RGBA), image.Rect(0, 0, 480, 360).Add(image.Pt(560, 460)), draw(2), image.Point{}, imagedraw.Src)
		r.site.post("a page with the banner and more", jpg(page, 85))
		r.quiet(t)
		r.crawl(t)
		before := r.all(t)
		if len(before) != 3 {
			t.Fatalf("%d leads to begin with, want 3", len(before))
		}

		id, err := r.ProposeFile(t.Context(), "a", jpg(draw(1), 80), "banner")
		if err != nil {
			t.Fatal(err)
		}
		if leads := r.all(t); len(leads) != 3 {
			t.Errorf("%d leads after a proposal alone", len(leads))
		}
		if _, err := r.DecideProposal(t.Context(), "a", id, record.Approved); !errors.Is(err, record.ErrOnePerson) {
			t.Errorf("one person for both: %v", err)
		}
		v, err := r.DecideProposal(t.Context(), "b", id, record.Approved)
		if err != nil {
			t.Fatal(err)
		}
		var said pipeline.HarmlessChange
		if err := json.Unmarshal([]byte(v.Preview), &said); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pipeline.HarmlessChange{Label: "banner", Pictures: 1, Unchecked: 1}, said); diff != "" {
			t.Errorf("previewed (-want +got):\n%s", diff)
		}
		r.quiet(t)
		if leads := r.all(t); len(leads) != 2 {
			t.Errorf("%d leads wait, want the two of the page that shows more than the banner", len(leads))
		}
		if _, err := r.DecideProposal(t.Context(), "b", id, record.Rejected); !errors.Is(err, record.ErrStale) {
			t.Errorf("decided twice: %v", err)
		}

		list, err := r.Records.HarmlessList(t.Context(), nil)
		if err != nil || len(list) != 1 || list[0].CreatedBy != "a" || list[0].ApprovedBy != "b" {
			t.Fatalf("the list: %+v, %v", list, err)
		}
		if id, err = r.ProposeDrop(t.Context(), "b", list[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.DecideProposal(t.Context(), "a", id, record.Approved); err != nil {
			t.Fatal(err)
		}
		r.quiet(t)
		if leads := r.all(t); len(leads) != 3 {
			t.Errorf("%d leads after the entry was taken off, want 3", len(leads))
		}
		r.verified(t)
	})
}

func TestAPictureThatIsPutAsideIsProposedAsItStands(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.site.post("one", jpg(draw(1), 70))
		r.quiet(t)
		r.crawl(t)
		var picture string
		if err := r.Records.DB().QueryRow(`SELECT id FROM pictures`).Scan(&picture); err != nil {
			t.Fatal(err)
		}
		id, err := r.ProposePicture(t.Context(), "a", picture, "logo")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.DecideProposal(t.Context(), "b", id, record.Approved); err != nil {
			t.Fatal(err)
		}
		pic, err := r.Records.Picture(t.Context(), nil, picture)
		if err != nil || pic.Aside != record.AsideHarmless {
			t.Errorf("the picture is %q, %v", pic.Aside, err)
		}
		if _, err := r.ProposeFile(t.Context(), "a", jpg(image.NewGray(image.Rect(0, 0, 300, 200)), 80), "flat"); !errors.Is(err, pipeline.ErrNothingToKnow) {
			t.Errorf("a flat file: %v", err)
		}
		var refused *photo.Refused
		if _, err := r.ProposeFile(t.Context(), "a", []byte("no picture"), "text"); !errors.As(err, &refused) {
			t.Errorf("no picture: %v", err)
		}
		if _, err := r.ProposeReach(t.Context(), "a", pipeline.Usual); !errors.Is(err, pipeline.ErrNoChange) {
			t.Errorf("the reach that is: %v", err)
		}
	})
}
