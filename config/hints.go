package config

import (
	"slices"

	"millrace"
	"millrace/features"
)

// keysExplained says of a key that is no feature how it becomes one: the event's id, as any other field, is no feature
// by having a path.
func (c *checker) keysExplained(found []millrace.Violation) []millrace.Violation {
	columns := c.pipeline.Features
	for i := range columns {
		key := columns[i].Key
		if key == "" || slices.ContainsFunc(columns, func(f features.Column) bool { return f.Name == key }) {
			continue
		}
		for j := range found {
			if found[j].Path == "columns"+indexName(i)+".key" {
				found[j].Message += "; a key is a feature: add it to them, as " + key + ": {type: category, cap: 1}"
			}
		}
	}
	return found
}
