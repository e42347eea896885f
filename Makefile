# Go and make are all that `make demo` and `make test` need. `make integration` starts a real Kafka and a real Redis,
# so it also needs Java 17, Maven, redis-server and prometheus; `.ci/run` shows how to get them on Debian.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# Tools that `go install` brought may not be on PATH.
export PATH := $(PATH):$(shell $(GO) env GOPATH)/bin

# A release is a tag; between tags the hash says which build a metric or a bug report speaks of. A tree without git
# history (a source archive) still builds.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BINARY := bin/millrace
IMAGE ?= millrace:$(VERSION)

# Packages with goroutines of their own. The numeric core has none, and the race detector makes it ten times slower.
RACE := ./cmd/... ./consumers/... ./embedded/... ./learner/... ./merge/... ./offline/... ./pipeline/... ./scorer/... ./store/...
# What `go list` does not know yet is left out, so that a new folder does not break the target.
RACE_PACKAGES = $(shell $(GO) list $(RACE) 2>/dev/null)

FUZZTIME ?= 10s
BENCH ?= .
BENCHCOUNT ?= 6
SOAK ?= 10m
KILLS ?= 100
DATA ?= ../shared/data
SEEDS ?= 5

##@ Use

.PHONY: demo
demo: ARGS ?= --events 40000 --rate 2000
demo: build ## learn from and score 40,000 payments, all in one process; ARGS= runs until Ctrl-C
	$(BINARY) demo $(ARGS)

.PHONY: build
build: ## the static binary bin/millrace
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/millrace

.PHONY: image
image: build ## the container image, from the binary above; needs buildah, podman or docker
	deploy/image.sh $(BINARY) $(IMAGE)

##@ Check

.PHONY: test
test: ## vet, every unit and whole-loop test, then those with goroutines under the race detector
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC)" >/dev/null; then \
		echo '$(GO) test -race -short -timeout 20m $(RACE)'; \
		$(GO) test -race -short -timeout 20m $(RACE_PACKAGES); \
	else \
		echo 'make test: the race detector needs a C compiler and there is none: not run'; \
	fi

# The consumers and the store test against servers named in the environment, so they run beneath with-servers. The
# whole-system tests start their own, because they also stop, kill and restart them. One package at a time (-p 1):
# tests that measure or time out should not compete with each other for the processor.
.PHONY: integration
integration: ## the same loop on a real Kafka and a real Redis, with kills and restarts
	$(GO) vet -tags integration ./...
	$(GO) run ./integration/harness/cmd/with-servers -- \
		$(GO) test -tags integration -timeout 25m -count=1 -p 1 ./consumers/... ./store/...
	$(GO) test -tags integration -timeout 25m -count=1 -p 1 -skip TestNewcomer ./integration/...
	$(GO) test -tags integration -timeout 5m -count=1 -v -run TestNewcomer ./integration # prints how long each step takes

.PHONY: lint
lint: ## golangci-lint, formatting, import rules and function length
	@command -v golangci-lint >/dev/null || { \
		echo 'make lint needs golangci-lint v2: go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0'; \
		exit 1; }
	golangci-lint run ./...
	golangci-lint fmt --diff ./...
	$(GO) test -count=1 ./integration ./deploy
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run deploy/image.sh; fi

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME (10s)
	@$(GO) list ./... | while read -r pkg; do \
		for name in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
			echo "$$pkg $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
		done; \
	done

.PHONY: bench
bench: ## every benchmark, BENCHCOUNT (6) times, for benchstat
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) ./...

.PHONY: kills
kills: ## learners of late labels killed KILLS (100) times each, with every state folder: half an hour
	MILLRACE_TEST_SEEDS=$(KILLS) $(GO) test -timeout 2h -count=1 -v -run TestKilledAndDamaged ./pipeline
	MILLRACE_TEST_KILLS=$(KILLS) $(GO) test -tags integration -timeout 2h -count=1 -v -run 'TestKilledLate' ./integration

.PHONY: soak
soak: ## a run with embedded servers at 25,000 events a second for SOAK (10m), and the memory that it takes
	$(GO) run ./integration/harness/cmd/soak -for $(SOAK)

.PHONY: quality
quality: ## every family on every stream of DATA (../shared/data), medians of SEEDS (5), beside what it did before
	$(GO) run ./integration/harness/cmd/quality -data '$(DATA)' -seeds $(SEEDS) $(ARGS)

# Streams are made from fixed seeds, so that what this prints is the same each time; docs/MODELS.md has its tables.
.PHONY: hard
hard: ## every family on wild values, changed units and flipped labels, beside the streams as they were
	$(GO) run ./integration/harness/cmd/hard -data '$(DATA)' -seeds $(SEEDS) $(ARGS)

.PHONY: cover
cover: ## coverage of all packages by all tests but the integration ones: bin/cover.html
	@mkdir -p bin
	$(GO) test -timeout 20m -coverpkg=./... -coverprofile bin/cover.out ./...
	$(GO) tool cover -func bin/cover.out | tail -1
	$(GO) tool cover -html bin/cover.out -o bin/cover.html

.PHONY: fmt
fmt: ## gofmt
	gofmt -l -w .

.PHONY: clean
clean: ## remove what was built; the cached Kafka jars stay
	rm -rf bin

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
