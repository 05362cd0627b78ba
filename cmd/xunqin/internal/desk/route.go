package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"xunqin/pipeline/record"
)

// Cache is how long an answer may be kept by a browser.
type Cache string

// The cache classes. What is not said is NoStore.
const (
	NoStore Cache = "no-store"
	Static  Cache = "static" // files of the program itself, named by their content; served without a session
)

// Route is one line of the table: a method and pattern, who may call it, and what answers. Exactly one of Public, AnyRole
// and Roles says who.
type Route struct {
	Method, Pattern string
	Public          bool          // no account is needed
	AnyRole         bool          // anybody who is signed in
	Roles           []record.Role // anybody who holds one of them
	Cache           Cache
	Body            int64 // most bytes of the request's body; 0 is 64 KiB
	Handle          func(*Page) error
}

// CSRF says what keeps another site from calling the route in a person's name: "none" for one that changes nothing,
// "origin" for the check of where the request comes from, and "origin+token" where, as people have no session yet, the
// form carries a token too.
func (r Route) CSRF() string {
	switch {
	case r.Method == "GET":
		return "none"
	case r.Public:
		return "origin+token"
	}
	return "origin"
}

// cache is the class, with its default.
func (r Route) cache() Cache {
	if r.Cache == "" {
		return NoStore
	}
	return r.Cache
}

// Routes is the whole table.
func (s *Server) Routes() []Route {
	return slices.Concat(
		s.frameRoutes(),
		s.signInRoutes(),
		s.accountRoutes(),
		s.tokenRoutes(),
		s.todayRoutes(),
		s.photoSearchRoutes(),
		s.wordSearchRoutes(),
		s.leadRoutes(),
		s.pictureRoutes(),
		s.reportRoutes(),
		s.queryRoutes(),
		s.inboxRoutes(),
		s.healthRoutes(),
		s.coverageRoutes(),
		s.sourceRoutes(),
		s.runRoutes(),
		s.matchingRoutes(),
		s.peopleRoutes(),
		s.auditRoutes(),
	)
}

// checkRoutes finds lines of the table that say nothing of who may call, or more than one thing.
func checkRoutes(routes []Route) error {
	var errs []error
	seen := map[string]bool{}
	for _, r := range routes {
		name := r.Method + " " + r.Pattern
		rules := 0
		for _, said := range []bool{r.Public, r.AnyRole, len(r.Roles) > 0} {
			if said {
				rules++
			}
		}
		switch {
		case rules != 1:
			errs = append(errs, fmt.Errorf("route %s: %d rules of who may call it, must be one", name, rules))
		case r.Handle == nil:
			errs = append(errs, fmt.Errorf("route %s: nothing answers", name))
		case r.Method != "GET" && r.Method != "POST":
			errs = append(errs, fmt.Errorf("route %s: method is not GET or POST", name))
		case r.cache() != NoStore && r.cache() != Static, r.cache() == Static && !r.Public:
			errs = append(errs, fmt.Errorf("route %s: cache class %q", name, r.Cache))
		case seen[name]:
			errs = append(errs, fmt.Errorf("route %s: stands twice", name))
		}
		for _, role := range r.Roles {
			if !slices.Contains(record.Roles(), role) {
				errs = append(errs, fmt.Errorf("route %s: no such role %q", name, role))
			}
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

// allows reports whether the person may call the route.
func (r Route) allows(u record.User) bool {
	return r.AnyRole || slices.ContainsFunc(r.Roles, u.Is)
}

// RouteLine is a line of the table as it is listed.
type RouteLine struct {
	Method string   `json:"method"`
	Path   string   `json:"path"`
	Roles  []string `json:"roles"` // "anonymous" for everybody, "signed-in" for any account, else roles
	CSRF   string   `json:"csrf"`
	Cache  Cache    `json:"cache"`
}

// RouteLines lists the table.
func (s *Server) RouteLines() []RouteLine {
	var lines []RouteLine
	for _, r := range s.Routes() {
		l := RouteLine{Method: r.Method, Path: r.Pattern, CSRF: r.CSRF(), Cache: r.cache()}
		switch {
		case r.Public:
			l.Roles = []string{"anonymous"}
		case r.AnyRole:
			l.Roles = []string{"signed-in"}
		}
		for _, role := range r.Roles {
			l.Roles = append(l.Roles, string(role))
		}
		lines = append(lines, l)
	}
	return lines
}

// WriteRoutes writes lines as JSON or as text in columns.
func WriteRoutes(w io.Writer, lines []RouteLine, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(lines)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(w, "%-6s %-36s %-40s %-13s %s\n", l.Method, l.Path, strings.Join(l.Roles, " "), l.CSRF, l.Cache); err != nil {
			return err
		}
	}
	return nil
}

// Sets of roles that many routes name.
func admins() []record.Role { return []record.Role{record.Admin} }
