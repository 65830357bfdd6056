// An app as its files declare it, in one vocabulary whatever version they were written for. Each
// thing keeps its place, for complaints and decisions that name a file's line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "manifest/kinds/shape.h"
#include "manifest/yaml/node.h"
#include "policy/contract/source.h"

namespace phoenix::manifest {

using Pairs = std::vector<std::pair<std::string, std::string>>;

enum class Restart : uint8_t { kAlways, kOnFailure, kNever };

// A process that does an agent's work.
struct Exec {
  std::vector<std::string> command;  // at least one word
  Place command_place;               // of the first
  int64_t replicas = 1;
  Pairs env;
  std::string working_dir;  // within the app's folder; empty: that itself
  Place working_dir_place;
  int64_t timeout_ms = 0;  // of one run; 0: none
  Restart restart = Restart::kAlways;
  int64_t backoff_ms = 1'000;
};

struct Agent {
  Place place;
  ApiVersion version = ApiVersion::kV1;
  std::string name;
  std::string ns;
  std::string kind = "agent";
  std::vector<std::string> capabilities;
  std::optional<double> trust;        // absent: 1
  std::optional<double> reliability;  // absent: 1
  int64_t max_load = 1;
  std::vector<std::string> compliance;
  int64_t weight = 100;
  Pairs labels;
  std::optional<Exec> exec;
};

// What a packet means, in one canonical form: JSON with sorted keys and no spaces.
struct Semantic {
  std::string canonical;
  Digest digest{};
};

struct Packet {
  Place place;
  ApiVersion version = ApiVersion::kV1;
  std::string name;  // also its id; with replicas NAME-1 and so on
  std::string ns;
  std::vector<std::string> required;
  Place required_place;
  bool any = false;  // any of `required` is enough
  std::vector<std::string> policy_tags;
  std::string payload = "null";  // JSON
  int64_t priority = 0;
  Pairs labels;
  std::string affinity_key;
  std::string spread;  // empty: as the host does
  int64_t load = 1;
  std::string not_before;  // a duration from now or RFC 3339; empty: none
  std::string deadline;    // likewise
  std::optional<int64_t> attempt_timeout_ms;
  std::optional<int64_t> max_attempts;
  std::optional<int64_t> max_losses;
  std::optional<int64_t> retain_ms;
  int64_t replicas = 0;  // 0: one, called NAME
  std::optional<Semantic> semantic;
  std::string contract;  // its name; empty: the one that is bound to what it requires
  Place contract_place;
  std::optional<std::vector<std::string>> scopes;  // what its owners may do; absent: no bounds
};

struct Contract {
  Place place;
  ApiVersion version = ApiVersion::kV1;
  std::string name;
  std::string ns;
  bool in_force = true;  // not in v1alpha1, unless spec.enforce says so
  policy::ContractSource terms;
  Place source_place;
  Place target_place;
  Place required_place;
};

// Of either form: kind Policy, or the original's name and rules without a kind.
struct PolicyDocument {
  Place place;
  ApiVersion version = ApiVersion::kV1;
  bool bare = false;  // name and rules
  std::string name;
  std::string target;  // can-register, can-assign, can-handoff, can-retire; empty: of no point
  std::string file;    // within the app's folder
  Node root;           // the whole document, checked against its table
};

// Cases that the policies are held to; read by policies/cases.h.
struct PolicyTest {
  ApiVersion version = ApiVersion::kV1;
  std::string name;
  Node root;  // the whole document, checked against its table
};

// One that the app's documents were read from.
struct AppFile {
  std::string path;  // within the folder, by the words that name it
  std::string kind;  // of what the app names it for; empty: the first one
};

// What an app says of its bundle, written down there and otherwise of no effect.
struct BundleNotes {
  struct Asset {
    Place place;
    std::string list;  // "semanticAssets.schemas"
    std::string file;  // as it stands there
  };
  std::string strategy;  // controlPlane.assignment
  std::string audit_sink;
  std::optional<double> minimum_trust;  // also where it is not enforced
  std::string target;                   // build
  std::vector<std::string> outputs;
  std::vector<Asset> assets;
};

struct App {
  Place place;
  ApiVersion version = ApiVersion::kV1;
  bool declared = false;  // there is a PhoenixApp; else only loose documents
  std::string name;
  std::string ns = "default";
  std::string release;   // metadata.version
  std::string folder;    // absolute
  std::string file;      // the first one, within the folder
  std::string language;  // of the runtime; empty: there is none
  std::string entrypoint;
  Place entrypoint_place;
  std::optional<double> minimum_trust;  // absent too where v1alpha1 does not enforce it
  std::optional<int64_t> drain_seconds;
  bool migration = true;
  bool enforce = true;  // in v1alpha1 only where spec.enforce says so
  Pairs labels;
  BundleNotes notes;
  std::vector<AppFile> files;  // all that were read, each once
  std::vector<Agent> agents;
  std::vector<Packet> packets;
  std::vector<Contract> contracts;
  std::vector<PolicyDocument> policies;
  std::vector<PolicyTest> tests;
};

}  // namespace phoenix::manifest
