package photo

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

func TestTheAVIFDecoderIsTheOneItsReadmeNames(t *testing.T) {
	readme, err := os.ReadFile("libavif/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(avifModule)
	if !strings.Contains(string(readme), hex.EncodeToString(sum[:])) {
		t.Errorf("the README does not name %x", sum)
	}
}
