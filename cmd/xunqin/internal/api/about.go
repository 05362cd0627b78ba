package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// about is the document without its operations.
func (s *Server) about() *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "xunqin", Version: "1", Description: "Searches, posts, pictures, photos, reports and leads, for programs of the people who work with them.\n\n" +
			"Every request shows a token, which a person makes on their account's page. It asks in that person's name and may do what their roles allow, narrowed by its scopes; " +
			"what lies outside the person's work is answered as what is not there. Texts, places and names come as the person may read them; photos come blurred, and no other form is sent.\n\n" +
			"A likeness is between photographs and never between children. Nearly every child photographed in the street is with its family: a lead is unchecked until two people agree.\n\n" +
			"Errors are problem documents (RFC 9457) in the language of Accept-Language: zh-CN or en. A token may ask so often a minute; 429 carries Retry-After."},
		Servers: []*huma.Server{{URL: Base, Description: "This desk."}},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", BearerFormat: "xunqin_…",
				Description: "A token of one's own, with the scopes that the operation names."}},
		},
		Tags: []*huma.Tag{
			{Name: "token", Description: "The token that asks."}, {Name: "search", Description: "Searches by words, by photo and by fingerprint."},
			{Name: "things", Description: "Posts, pictures and photos."}, {Name: "reports", Description: "Reports of missing and found children."},
			{Name: "leads", Description: "Leads and the person's own verdicts."}, {Name: "own", Description: "The person's own saved queries and inbox."},
		},
	}
}
