// Package redact decides how words from outside are shown: what identifies or
// locates a person is masked according to who looks, and characters that
// cannot be seen are made visible.
package redact
