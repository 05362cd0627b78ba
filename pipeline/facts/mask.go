package facts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"xunqin/pipeline/redact"
)

// A Masked is a telephone number, an identity number or a plate in the words,
// which never leaves this package readable. Key is the same for every way to
// write the same number, and says nothing to whoever lacks the key of the
// [Context]: two posts with one number are copies, or of one hand.
type Masked struct {
	Kind  string // as redact.Found has it
	Words Span
	Key   string // 32 characters; empty without a key
}

func mask(text string, key []byte) []Masked {
	var masked []Masked
	for _, f := range redact.Find(text) {
		m := Masked{Kind: f.Kind, Words: Span{f.From, f.To}}
		if len(key) > 0 {
			h := hmac.New(sha256.New, key)
			h.Write([]byte(f.Kind + "\x00" + f.Value))
			m.Key = hex.EncodeToString(h.Sum(nil)[:16])
		}
		masked = append(masked, m)
	}
	return masked
}
