package pipeline_test

import (
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
)

func TestWhatTwoPeopleCallHarmlessIsPutAsideAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		draw2 := draw(2)
		banner := remade(360, 360, draw(1).At)
		// A wide picture with the banner as its middle: the middle alone does not make it harmless.
		wide := remade(720, 360, func(x, y int) color.Color {
			if x >= 180 && x < 540 {
				return banner.At(x-180, y)
			}
			return draw2.At(x%180*2, y)
		})
		r.report(t, "A", jpg(banner, 90))
		r.report(t, "B", jpg(wide, 90))
		r.site.post("banner", jpg(banner, 70))
		r.site.post("the banner and more", jpg(wide, 70))
		r.quiet(t)
		r.crawl(t)
		before := r.all(t)
		if len(before) < 2 {
			t.Fatalf("%d leads to begin with", len(before))
		}

		id, err := r.ProposeFile(t.Context(), "a", jpg(banner, 80), "banner")
		if err != nil {
			t.Fatal(err)
		}
		if leads := r.all(t); len(leads) != len(before) {
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
		r.quiet(t)
		aside, err := r.Records.PicturesAside(t.Context(), nil, 10)
		if err != nil || len(aside) != 1 {
			t.Errorf("put aside: %+v, %v, want the banner alone", aside, err)
		}
		if diff := cmp.Diff(pipeline.HarmlessChange{Label: "banner", Pictures: 1, Unchecked: len(before) - len(r.all(t))}, said); diff != "" || said.Unchecked == 0 {
			t.Errorf("previewed (-want +got):\n%s", diff)
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
		if leads := r.all(t); len(leads) != len(before) {
			t.Errorf("%d leads after the entry was taken off, want %d", len(leads), len(before))
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
