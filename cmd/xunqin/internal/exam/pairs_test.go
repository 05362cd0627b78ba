package exam

import "testing"

// The figures that are published are those of the bench command, which asks of ten times as many.
func TestDocumentsOfOneChildAreBroughtTogether(t *testing.T) {
	got, err := TakePairs(t.Context(), 1, 100, 5000)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	if got.Found < 0.98 {
		t.Errorf("%.3f of the planted pairs are among the first of their report", got.Found)
	}
	if got.Excluded > 0 {
		t.Errorf("%d planted pairs are taken to contradict", got.Excluded)
	}
	if got.Cut < 10 {
		t.Errorf("the documents to look at are cut %.1f times", got.Cut)
	}
}
