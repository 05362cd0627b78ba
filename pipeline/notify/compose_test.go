package notify_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"xunqin/pipeline/notify"
)

func TestAlertsSayNothingOfWhatWasFound(t *testing.T) {
	// Words where only ids belong, as a careless caller might pass them.
	const canary = "王小明天河区岗顶"
	const id = "abcdefghijklmnopqrstuvwxyz"
	seen := map[string]bool{}
	for _, kind := range []string{"post", "lead", canary} {
		for _, lang := range []string{"zh-CN", "en"} {
			for _, query := range []string{"", id, canary, "gangding"} {
				m := notify.Compose(notify.Alert{ID: "1", To: "a@example.com", Kind: kind, Query: query, Lang: lang,
					BaseURL: "https://desk.example/", At: time.Unix(1, 0)})
				all := m.Subject + m.Text + m.URL
				if strings.ContainsAny(all, canary[:3]+"岗顶") || strings.Contains(all, "gangding") || strings.Contains(all, "%!") {
					t.Errorf("%s %s: %q", kind, lang, all)
				}
				if strings.ContainsFunc(m.Subject, unicode.IsControl) || !strings.Contains(m.Text, "https://desk.example/\n") {
					t.Errorf("%s %s: %q", kind, lang, all)
				}
				if chinese := strings.ContainsFunc(all, func(r rune) bool { return unicode.Is(unicode.Han, r) }); chinese != (lang == "zh-CN") {
					t.Errorf("%s in the wrong language: %q", lang, all)
				}
				seen[m.Subject] = true
			}
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d subjects: %v", len(seen), seen)
	}
	m := notify.Compose(notify.Alert{Kind: "post", Query: id, Lang: "en", BaseURL: ""})
	if !strings.Contains(m.Text, id) || !strings.Contains(m.Text, "Sign in to look.") {
		t.Errorf("text %q", m.Text)
	}
}
