package millrace_test

import (
	"reflect"
	"testing"

	"millrace"
)

type toolSpec struct {
	Type  string   `yaml:"type,short"`
	Grip  string   `yaml:"grip" doc:"what it is held by"`
	Teeth int      `yaml:"teeth" of:"saw" doc:"teeth of its blade"`
	Head  float64  `yaml:"head" of:"hammer|axe if grip!=none"`
	Wedge []string `yaml:"wedge" of:"axe if head"`
	Bare  bool     `yaml:"bare" of:"hammer if !head|axe if grip=wood"`
}

func TestUnreadSettings(t *testing.T) {
	for _, c := range []struct {
		spec toolSpec
		want []millrace.Unread
	}{
		{toolSpec{}, nil},
		{toolSpec{Type: "saw", Bare: true, Wedge: []string{}}, []millrace.Unread{
			{"head", false, "type: hammer or axe"}, {"wedge", false, "type: axe"}, {"bare", true, "type: hammer or axe"}}},
		{toolSpec{Type: "hammer", Head: 2, Teeth: 3}, []millrace.Unread{
			{"teeth", true, "type: saw"}, {"wedge", false, "type: axe"}, {"bare", false, "no head"}}},
		{toolSpec{Type: "hammer"}, []millrace.Unread{{"teeth", false, "type: saw"}, {"wedge", false, "type: axe"}}},
		{toolSpec{Type: "axe", Grip: "none", Wedge: []string{"a"}}, []millrace.Unread{
			{"teeth", false, "type: saw"}, {"head", false, "grip other than none"}, {"wedge", true, "head"}, {"bare", false, "grip: wood"}}},
		{toolSpec{Type: "axe", Grip: "wood", Head: 1}, []millrace.Unread{{"teeth", false, "type: saw"}}},
	} {
		if got := millrace.UnreadSettings(c.spec); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: got %+v, want %+v", c.spec, got, c.want)
		}
	}
}

func TestDocumentation(t *testing.T) {
	spec := reflect.TypeFor[toolSpec]()
	for name, want := range map[string]string{
		"Grip": "what it is held by", "Teeth": "saw: teeth of its blade", "Head": "hammer, axe (grip other than none): ",
	} {
		f, _ := spec.FieldByName(name)
		if got := millrace.Documentation(f); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
