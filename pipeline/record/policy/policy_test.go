package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLoadRefusesNonsenseAndLaxnessWithoutReason(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"shorter life":       {"[lives]\nderivative = \"24h\"\n", ""},
		"longer with reason": {"[lives]\ntext = \"9000h\"\n[reasons]\ntext = \"court order 12\"\n", ""},
		"longer, no reason":  {"[lives]\ntext = \"9000h\"\n", "text is laxer"},
		"zero":               {"[limits]\nviews_an_hour = 0\n", "views_an_hour must be more than zero"},
		"larger picture":     {"[limits]\nside = 1024\n[reasons]\nside = \"nicer\"\n", "side cannot be raised"},
		"shorter passphrase": {"[limits]\npassphrase = 6\n", "passphrase is laxer"},
		"unknown name":       {"[lives]\nfoto = \"1h\"\n", "no setting"},
		"bytes outlive":      {"[lives]\nfingerprint = \"24h\"\n", "outlive"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "policy.toml")
			if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if tc.want == "" && err != nil {
				t.Fatalf("Load: %v, want no error", err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("Load: %v, want %q", err, tc.want)
			}
		})
	}
}

func TestDefaultKeepsWhatSafetySays(t *testing.T) {
	p := Default()
	if got, want := p.Lives.Derivative.D(), 90*24*time.Hour; got != want {
		t.Errorf("derivative lives %v, want %v", got, want)
	}
	if p.Limits.Side != 640 || p.Lives.Session.D() != 12*time.Hour || p.Lives.Idle.D() != 15*time.Minute {
		t.Errorf("got side %d, session %v, idle %v", p.Limits.Side, p.Lives.Session.D(), p.Lives.Idle.D())
	}
}
