package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lax lets a machine ask as often as it likes, and does not make it wait for what is not there.
const lax = `[limits]
calls_a_minute = 600000
opens_an_hour = 1000000
searches_an_hour = 1000000
answer_step = "1ms"
[reasons]
calls_a_minute = "invented data"
opens_an_hour = "invented data"
searches_an_hour = "invented data"
answer_step = "invented data"
`

// TestSchemathesis holds every operation of a real demo's API against its own document, by all checks that schemathesis has: thousands
// of requests that keep to the document and that do not. It wants the command's name in XUNQIN_SCHEMATHESIS.
func TestSchemathesis(t *testing.T) {
	command := os.Getenv("XUNQIN_SCHEMATHESIS")
	if command == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("XUNQIN_SCHEMATHESIS is not set, and CI must hold the API against its document")
		}
		t.Skip("no schemathesis: install it from PyPI and name its command in XUNQIN_SCHEMATHESIS")
	}
	policy := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(policy, []byte(lax), 0o600); err != nil {
		t.Fatal(err)
	}
	d := crashingDemo(t, "--policy", policy)
	document := d.address + "/api/v1/openapi.json"
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "schemathesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(name, token, rules string, more ...string) {
		t.Helper()
		dir := t.TempDir()
		config := filepath.Join(dir, "schemathesis.toml")
		if err := os.WriteFile(config, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"--config-file", config, "run", document, "--header", "Authorization: Bearer " + token, "--checks", "all", "--seed", "1", "--no-color"}, more...)
		c := exec.CommandContext(t.Context(), command, args...)
		c.Dir = dir // it leaves a folder
		out, err := c.CombinedOutput()
		_, last, _ := strings.Cut(string(out), "Test cases:")
		t.Logf("%s: %s", name, strings.Join(strings.Fields(last), " "))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	reviewer, activist := d.token(t, "demo-reviewer"), d.token(t, "demo-activist")
	things := d.things(t, reviewer)
	run("all as a reviewer", reviewer, string(rules), "--max-examples", "15")

	// Once more with ids of what is there, and once as one whose work is another.
	known := ""
	var ids []string
	for id, parameters := range things {
		known += fmt.Sprintf("[[operations]]\ninclude-operation-id = %q\nparameters = %s\n", id, parameters)
		ids = append(ids, "--include-operation-id", id)
	}
	run("what is there", reviewer, known, append(ids, "--max-examples", "10")...)
	run("an activist's own", activist, string(rules), "--max-examples", "10", "--include-tag", "own")
}

// token makes a token of a person of the demo, by command.
func (d *demoProcess) token(t *testing.T, person string) string {
	t.Helper()
	data, err := filepath.Glob(filepath.Join(d.dir, "tmp", "xunqin-demo-*"))
	if err != nil || len(data) != 1 {
		t.Fatalf("data folders %v, %v", data, err)
	}
	c := exec.Command("xunqin", "--data", filepath.Join(data[0], "data"), "--keys", filepath.Join(data[0], "keys"), "tokens", "add", person)
	c.Dir, c.Env = d.dir, d.Env
	out, err := c.Output()
	if err != nil {
		t.Fatalf("token of %s: %v", person, err)
	}
	return strings.TrimSpace(string(out))
}

// things are operations on what the demo holds, with their parameters, as soon as it has a lead.
func (d *demoProcess) things(t *testing.T, token string) map[string]string {
	t.Helper()
	ask := func(path string, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", d.address+"/api/v1"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s", path, res.Status)
		}
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	type copied struct {
		Report string
		Copy   struct{ Post, Photo string }
	}
	var lead copied
	var leadID string
	var post struct{ Pictures []string }
	// The first leads can be of two reports, or by facts alone: of a post's copy is what is wanted.
	for deadline := time.Now().Add(time.Minute); len(post.Pictures) == 0; <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the demo has no lead of a post's picture after a minute")
		}
		var list struct{ Leads []struct{ ID string } }
		ask("/leads", &list)
		for _, l := range list.Leads {
			lead = copied{}
			if ask("/leads/"+l.ID, &lead); lead.Copy.Post == "" || lead.Copy.Photo == "" {
				continue
			}
			if ask("/posts/"+lead.Copy.Post, &post); len(post.Pictures) > 0 {
				leadID = l.ID
				break
			}
		}
	}
	id := func(s string) string { return fmt.Sprintf("{ \"path.id\" = %q }", s) }
	return map[string]string{"readPost": id(lead.Copy.Post), "readPicture": id(post.Pictures[0]), "readPhoto": id(lead.Copy.Photo), "readReport": id(lead.Report),
		"readLead": fmt.Sprintf("{ \"path.id\" = %q, \"query.copy\" = %q }", leadID, lead.Copy.Photo), "searchWords": `{ "query.q" = "天桥" }`}
}
