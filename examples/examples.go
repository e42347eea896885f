// Package examples embeds the pipeline of the demonstration, so that the file a newcomer reads and the
// one that the demonstration runs are the same.
package examples

import _ "embed"

// Payments is the text of payments.yaml.
//
//go:embed payments.yaml
var Payments string
