// Package desk is the web desk: the pages on which people work, in Chinese and English, each of which works without script.
//
// A [Server] with its fields set gives a [Server.Handler]. All routes stand in one table, [Server.Routes], which says of each
// who may call it: nothing is allowed that the table does not allow, and a route without a rule keeps the program from starting.
//
// # To add a family of pages
//
// A family is one Go file, one template file and one pair of text files: leads.go, templates/leads.html,
// locale/zh-CN/leads.toml and locale/en/leads.toml.
//
// Write its routes as a method, name that method in [Server.Routes], and add a line to [Server.menu] for what belongs in the
// navigation. Patterns are those of net/http; none ends in a slash:
//
//	func (s *Server) leadRoutes() []Route {
//		return []Route{
//			{Method: "GET", Pattern: "/leads/{id}", Roles: volunteers(), Handle: s.lead},
//			{Method: "POST", Pattern: "/leads/{id}/verdict", Roles: volunteers(), Handle: s.decide},
//		}
//	}
//
// A handler parses the request into a struct, asks the record, and renders; it returns its errors:
//
//	func (s *Server) lead(p *Page) error {
//		lead, err := s.Records.Lead(p.Context(), nil, p.Path("id"))
//		if err != nil {
//			return err // record.ErrNotFound: the same answer as to one who may not see it
//		}
//		return p.Render("lead", leadView{Since: p.At(lead.CreatedAt)})
//	}
//
// [Page] has who asks and in which language and zone ([Page.T], [Page.At], [Page.Day]), [Page.Read] for forms, [Page.Change] for
// a transaction and [Page.Audit] to call last in it, [Page.Flash] and [Page.Redirect] for what follows a change, [Page.Again] to
// show a form with its complaints. Roles say who may come to a route; which objects are theirs is the handler's question, and
// "not yours" is record.ErrNotFound. A refusal that people can act on is a [*Problem]; record.ErrStale becomes "somebody was
// faster, nothing saved". Any other error is logged, and people see a page with a code: so an error never holds the text of a post.
//
// The template file defines "lead.title" and "lead.main" for each name given to Render. Their dot is a [view]: what the handler
// gave is .D, the person .User, the language .Lang. A text is {{T "leads.since" "n" .D.Count}}; one chosen by a value is
// {{Of "state" .State}}, which reads the key state.<value>. An instant is given as a locale.Moment and shown by
// {{template "moment" .Since}}; a field's complaint is {{template "bad" (bad .D.Errors "name")}}. A form that needs no account holds
// {{template "token" .}}. There is no inline style and no inline script: the content policy forbids both. A list is a
// <table class="cards"> with data-label on each cell, so that under 600 px its rows become cards. An element with data-key="e" is
// pressed by that key, one with data-row is a stop of j and k.
//
// The tests walk the table: they ask every route as every role, in both languages, and look for missing texts, texts that stand
// in a template, foreign hosts and missing headers. A pattern with an {id} needs a value in the tests' objects.
package desk
