package desk

import (
	"database/sql"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"xunqin/pipeline"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// tied stores what the matcher found of the case's copy in its report's photo.
func (c *cas) tied(t testing.TB, kind string, mirrored bool, in [4][2]int) {
	t.Helper()
	photos, err := c.Records.PhotosOf(t.Context(), nil, c.report)
	if err != nil {
		t.Fatal(err)
	}
	tie := record.Tie{QueryID: c.photo.ID, KnownID: photos[0].ID, Kind: kind, Mirrored: mirrored, Distance: record.FeatureDistance}
	tie.Geometry = record.Geometry{Query: in, Known: [4][2]int{{0, 0}, {480, 0}, {480, 360}, {0, 360}}, ToKnown: [6]float64{2, 0, -200, 0, 2, -200}, ToQuery: [6]float64{.5, 0, 100, 0, .5, 100}}
	if err := c.Records.Tx(t.Context(), func(tx *sql.Tx) error { return c.Records.AddTie(t.Context(), tx, tie) }); err != nil {
		t.Fatal(err)
	}
}

func TestTheReportsPhotoIsOutlinedInTheOther(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	b.get("/account?lang=en")
	wants(t, "without a tie", b.get("/leads/"+c.lead), http.StatusOK, []string{"edited copy"}, []string{`<svg class="outline"`, `id="aligned"`})
	c.tied(t, feature.Inside, false, [4][2]int{{100, 100}, {340, 100}, {340, 280}, {100, 280}})
	page := b.get("/leads/" + c.lead)
	wants(t, "a part of it", page, http.StatusOK, []string{`points="100,100 340,100 340,280 100,280"`, `viewBox="0 0 480 360"`, "in the middle", "about a quarter",
		`transform="matrix(2 0 0 2 -200 -200)"`, "in a poster, collage or screenshot"}, nil)
	if n := strings.Count(page.body, `<svg class="outline"`); n != 1 {
		t.Errorf("%d outlines, want one: the report's photo is there as a whole", n)
	}
	if regexp.MustCompile(`\d ?%`).MatchString(page.body) {
		t.Error("a percentage is shown")
	}
	c.tied(t, feature.Mirrored, true, [4][2]int{{480, 0}, {0, 0}, {0, 360}, {480, 360}})
	wants(t, "mirrored", b.get("/leads/"+c.lead), http.StatusOK, []string{"mirrored", `id="aligned"`, "Turn the other picture back"}, []string{`<svg class="outline"`})
	wants(t, "mirrored, turned back and shown", b.post("/leads/"+c.lead+"/show", url.Values{"aligned": {"1"}}), http.StatusOK, []string{`data-key="m" checked`}, nil)
	c.tied(t, feature.Layout, false, [4][2]int{{100, 100}, {340, 100}, {340, 280}, {100, 280}})
	wants(t, "another photo in one layout", b.get("/leads/"+c.lead), http.StatusOK, []string{"this is not the same photograph"}, []string{`<svg class="outline"`, `id="aligned"`})
}

func TestEveryKindSaysHowOftenItWasWrong(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	b.get("/account?lang=en")
	for kind, rate := range pipeline.Measured().Kinds {
		if rate.Of == 0 || rate.Wrong > rate.Of {
			t.Errorf("%s: %+v", kind, rate)
		}
		c.tied(t, kind, false, [4][2]int{{0, 0}, {240, 0}, {240, 180}, {0, 180}})
		if page := b.get("/leads/" + c.lead); !strings.Contains(page.body, "such answers") {
			t.Errorf("a lead of kind %s does not say how often it is wrong", kind)
		}
	}
	if n := len(pipeline.Measured().Kinds); n != 8 {
		t.Errorf("%d kinds are measured", n)
	}
	for _, r := range pipeline.Reaches() {
		if f := pipeline.Measured().Reaches[r]; f.Copies == 0 || f.Alike == 0 || f.Unrelated == 0 {
			t.Errorf("reach %s is not measured: %+v", r, f)
		}
	}
}

func TestAPictureNoLongerHeldIsShownByItsAddress(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	if _, err := c.Records.DB().ExecContext(t.Context(), `UPDATE posts SET url='https://forum.example.org/u/someone/7' WHERE id=$1`, c.post); err != nil {
		t.Fatal(err)
	}
	if err := c.Records.Tx(t.Context(), func(tx *sql.Tx) error { return c.Records.DropBytes(t.Context(), tx, c.photo.ID) }); err != nil {
		t.Fatal(err)
	}
	for lang, says := range map[string]string{"en": "Found by fingerprint; the picture is no longer held.", "zh-CN": "凭指纹找到，图片已不再保存。"} {
		b := c.as(t, "li")
		b.get("/account?lang=" + lang)
		wants(t, "the volunteer's page", b.get("/leads/"+c.lead), http.StatusOK, []string{says, "forum.example.org"}, []string{"/u/someone/7"})
	}
	wants(t, "the reviewer's page", c.as(t, "wu").get("/leads/"+c.lead), http.StatusOK, []string{"https://forum.example.org/u/someone/7"}, nil)
}

func TestTheReachTakesTwoAdminsAndAPreview(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Admin)
	c.person(t, "wu", record.Admin)
	li, wu := c.as(t, "li"), c.as(t, "wu")
	li.get("/account?lang=en")
	wu.get("/account?lang=en")
	c.tied(t, feature.Scene, false, [4][2]int{{100, 100}, {340, 100}, {340, 280}, {100, 280}})
	wants(t, "the page", li.get("/matching"), http.StatusOK, []string{"Narrow", "Usual", "Wide", "864"}, []string{"<img", "/photos/"})
	wants(t, "nothing chosen", li.post("/matching/reach", nil), http.StatusUnprocessableEntity, []string{"Choose a setting."}, nil)
	wants(t, "preview", li.post("/matching/reach", url.Values{"to": {"narrow"}, "do": {"preview"}}), http.StatusOK, []string{"unchecked leads", "Propose"}, nil)
	wants(t, "the same again", li.post("/matching/reach", url.Values{"to": {"usual"}, "do": {"propose"}}), http.StatusUnprocessableEntity, []string{"so already"}, nil)
	if a := li.post("/matching/reach", url.Values{"to": {"wide"}, "do": {"propose"}}); a.status != http.StatusSeeOther {
		t.Fatalf("propose: %d", a.status)
	}
	list, err := c.Records.Proposals(t.Context(), nil, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("proposals: %v, %v", list, err)
	}
	path := "/matching/proposals/" + list[0].ID
	wants(t, "one's own", li.post(path, url.Values{"decision": {"approved"}}), http.StatusConflict, []string{"another admin"}, nil)
	reach := func() pipeline.Reach {
		t.Helper()
		r, err := c.Pipeline.Reach(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if reach() != pipeline.Usual {
		t.Error("one admin changed the reach")
	}
	if a := wu.post(path, url.Values{"decision": {"approved"}}); a.status != http.StatusSeeOther || reach() != pipeline.Wide {
		t.Errorf("approved by another: status %d, reach %s", a.status, reach())
	}
	wants(t, "decided twice", wu.post(path, url.Values{"decision": {"rejected"}}), http.StatusConflict, nil, nil)
	for _, action := range []string{"reach-proposed", "reach-changed", "proposal-approved"} {
		if n := c.audited(t, action); n != 1 {
			t.Errorf("%d lines %s in the audit", n, action)
		}
	}
}

func TestAHarmlessPictureIsProposedAsAFileAndForgotten(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Admin)
	c.person(t, "wu", record.Admin)
	li, wu := c.as(t, "li"), c.as(t, "wu")
	li.get("/account?lang=en")
	wants(t, "no name", li.send("/matching/harmless", map[string]string{"label": ""}, upload{Field: "photo", Name: "a.jpg", Bytes: c.picture}), http.StatusUnprocessableEntity, []string{"Say in a few words"}, nil)
	wants(t, "no picture", li.send("/matching/harmless", map[string]string{"label": "logo"}, upload{Field: "photo", Name: "a.txt", Bytes: []byte("x")}), http.StatusUnprocessableEntity, nil, nil)
	if a := li.send("/matching/harmless", map[string]string{"label": "logo"}, upload{Field: "photo", Name: "a.jpg", Bytes: c.picture}); a.status != http.StatusSeeOther {
		t.Fatalf("propose: %d", a.status)
	}
	list, err := c.Records.Proposals(t.Context(), nil, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("proposals: %v, %v", list, err)
	}
	if a := wu.post("/matching/proposals/"+list[0].ID, url.Values{"decision": {"approved"}}); a.status != http.StatusSeeOther {
		t.Fatalf("approve: %d", a.status)
	}
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	page := li.get("/matching")
	wants(t, "the page", page, http.StatusOK, []string{"logo", l.PictureID, "known to be harmless"}, []string{"<img", "/photos/"})
	if a := li.post("/matching/pictures/"+l.PictureID+"/release", nil); a.status != http.StatusSeeOther {
		t.Errorf("release: %d", a.status)
	}
	if pic, err := c.Records.Picture(t.Context(), nil, l.PictureID); err != nil || pic.PutAside() {
		t.Errorf("released, and %q, %v", pic.Aside, err)
	}
}
