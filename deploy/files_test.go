package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"millrace/config"
	"millrace/integration/harness/dashboards"
)

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestRulesNameExportedMetrics(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Record, Alert, Expr string
				Annotations         map[string]string
			}
		}
	}
	readYAML(t, "prometheus/rules.yml", &file)
	recorded := make(map[string]bool)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			recorded[r.Record] = true
		}
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			where := "rules.yml: " + r.Record + r.Alert
			for _, name := range dashboards.MetricNames(r.Expr) {
				if _, ok := dashboards.Family(name); !ok && !recorded[name] {
					t.Errorf("%s: nothing exports %s", where, name)
				}
			}
			if r.Alert != "" && (r.Annotations["summary"] == "" || r.Annotations["description"] == "") {
				t.Errorf("%s: an alert says what is wrong and where to look", where)
			}
		}
	}
}

// Two alerts for one fault wake somebody twice, and whoever silences one of them is woken by the other.
func TestAlertsAreOfOneFaultEach(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
			}
		}
	}
	readYAML(t, "prometheus/rules.yml", &file)
	of := map[[2]string]string{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			fault := [2]string{strings.Join(strings.Fields(r.Expr), " "), r.Labels["severity"]}
			if other := of[fault]; other != "" {
				t.Errorf("%s and %s are of one fault: %s", other, r.Alert, fault[0])
			}
			of[fault] = r.Alert
		}
	}
	if len(of) < 10 {
		t.Errorf("%d alerts were read", len(of))
	}
}

// promtool knows the rules' language, and runs their tests.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not on PATH (apt-get install prometheus): rules and configuration are not checked")
	}
	for _, args := range [][]string{
		{"check", "config", "prometheus/prometheus.yml"},
		{"check", "rules", "prometheus/rules.yml"},
		{"test", "rules", "prometheus/rules_test.yml"},
	} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

type composeService struct {
	Image       string
	Ports       []string
	Volumes     []string
	Environment map[string]string
	User        string
	ReadOnly    bool `yaml:"read_only"`
}

func TestCompose(t *testing.T) {
	var file struct{ Services map[string]composeService }
	readYAML(t, "compose.yaml", &file)
	for _, name := range []string{"kafka", "redis", "millrace", "producer", "prometheus", "grafana"} {
		if _, ok := file.Services[name]; !ok {
			t.Errorf("no service %s", name)
		}
	}
	for name, s := range file.Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond this machine", name, port)
			}
		}
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: image %s has no fixed version", name, s.Image)
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, ".") {
				continue
			}
			if _, err := os.Stat(source); err != nil {
				t.Errorf("%s mounts %s: %v", name, source, err)
			}
		}
		for key, value := range s.Environment {
			if strings.Contains(key, "PASSWORD") && !strings.Contains(value, ":?") {
				t.Errorf("%s: %s has a default; a password is set or nothing starts", name, key)
			}
		}
	}
}

// The deployed pipeline is the example's on other servers, so that what the README says of one holds for both.
func TestPaymentsPipelineIsTheExample(t *testing.T) {
	var here, example map[string]any
	readYAML(t, "payments.yaml", &here)
	readYAML(t, filepath.Join("..", "examples", "payments.yaml"), &example)
	if _, err := config.Load("payments.yaml", func(string) (string, bool) { return "", false }); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"name", "features", "label", "model", "scores"} {
		if !reflect.DeepEqual(here[key], example[key]) {
			t.Errorf("%s: %v, the example has %v", key, here[key], example[key])
		}
	}
}

// Both Dockerfiles end in the same image.
func TestDockerfilesEndInTheSameImage(t *testing.T) {
	for _, name := range []string{"Dockerfile", "Dockerfile.scratch"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, last, found := strings.Cut("\n"+string(text), "\nFROM scratch\n")
		if !found {
			t.Errorf("%s does not end in an empty image", name)
		}
		for _, line := range []string{"USER 65532:65532", "EXPOSE 9464", `ENTRYPOINT ["/millrace"]`, `CMD ["--help"]`} {
			if !strings.Contains(last, "\n"+line+"\n") {
				t.Errorf("%s: the image has no %s", name, line)
			}
		}
	}
}
