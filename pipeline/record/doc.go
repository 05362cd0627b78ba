// Package record is the system of record: the domain types and the one database that holds them, SQLite in a file or
// PostgreSQL by URL. Everything else (the index, the queue's work, the blobs) can be rebuilt from it or is named by it.
//
// Start with [Open]. A method is one question or one change. Changes take the transaction they belong to, so that a step's
// result, the work that follows from it and the completion of its job commit together (see [Store.Tx]); questions take a
// transaction or nil, and nil reads from a pool that never waits for the writer.
//
// The package knows nothing of the pipeline, the index engine or the desk. It holds no key: columns named sealed, and
// contact, factor, target and secret, are bytes that the caller sealed before.
//
// All statements are one text for both databases. Times are Unix milliseconds in the tables and time.Time in UTC here;
// the zero time is stored as 0. Ids are random, at least 128 bits, so that they may be shown to people.
package record
