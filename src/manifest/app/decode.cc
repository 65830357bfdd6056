#include "manifest/app/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/key.h"
#include "lineage/crypto/sha256.h"
#include "manifest/contracts/contracts.h"
#include "manifest/kinds/fields.h"
#include "manifest/kinds/values.h"

namespace phoenix::manifest {
namespace {

Fields fields_of(const Node& document, std::string_view kind, ApiVersion version) {
  return {&document, find_kind(kind)->shape, version};
}

void warn(Findings* findings, const Place& place, std::string path, std::string value,
          std::string detail) {
  findings->push_back(
      {Finding::Weight::kWarning, place, std::move(path), std::move(value), std::move(detail)});
}

// Of a field that may be absent.
Place place_of(const Fields& fields, std::string_view name, const Place& otherwise) {
  const Node* node = fields.get(name);
  return node == nullptr ? otherwise : node->place;
}

// The original took any name; ours is an id, for members and packets are found by it.
std::string id_of(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 && (c & 0x80) == 0;
    const bool inner = !out.empty() && (c == '.' || c == '_' || c == '-');
    if (plain || inner) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != '-') {
      out.push_back('-');
    }
    if (out.size() == 128) break;
  }
  return out;
}

std::string name_of(const Fields& metadata, std::string_view key, Findings* findings) {
  const Node* node = metadata.get(key);
  if (node == nullptr || !node->is_scalar() || valid_id(node->text)) {
    return node == nullptr || !node->is_scalar() ? std::string() : node->text;
  }
  if (metadata.version() == ApiVersion::kV1) return {};  // refused already
  std::string name = id_of(node->text);
  warn(findings, node->place, "metadata." + std::string(key), shown(*node),
       name.empty() ? "is no name that a host can find it by" : "is called " + name + " here");
  return name;
}

std::string namespace_of(const Fields& metadata, const std::string& otherwise, Findings* findings) {
  std::string ns = name_of(metadata, "namespace", findings);
  return ns.empty() ? otherwise : ns;
}

// What every document's thing begins with.
template <class Thing>
Thing begun(const Node& document, const Fields& metadata, const Header& header,
            Findings* findings) {
  Thing thing;
  thing.place = place_of(metadata, "name", document.place);
  thing.version = header.version;
  thing.name = name_of(metadata, "name", findings);
  thing.ns = namespace_of(metadata, header.ns, findings);
  return thing;
}

// Where both say the same label, the metadata's counts.
Pairs labels_of(const Fields& metadata, const Fields& spec) {
  Pairs labels = spec.pairs("labels");
  for (auto& label : metadata.pairs("labels")) labels.push_back(std::move(label));
  return labels;
}

// What the original called its kinds of agents.
std::string kind_of(const std::string& type) {
  const auto& kinds = member_kinds();
  if (std::find(kinds.begin(), kinds.end(), type) != kinds.end()) return type;
  return type.starts_with("human") ? "human" : "agent";
}

Restart restart_of(const std::string& policy) {
  if (policy == "never") return Restart::kNever;
  return policy == "on-failure" ? Restart::kOnFailure : Restart::kAlways;
}

std::optional<Exec> decode_exec(const Fields& spec) {
  if (spec.get("exec") == nullptr) return std::nullopt;
  const Fields fields = spec.object("exec");
  Exec exec;
  exec.command = fields.texts("command");
  if (exec.command.empty()) return std::nullopt;
  exec.command_place = fields.get("command")->items.front().place;
  exec.working_dir_place = place_of(fields, "workingDir", exec.command_place);
  exec.replicas = fields.integer("replicas").value_or(1);
  exec.env = fields.pairs("env");
  exec.working_dir = fields.text("workingDir").value_or("");
  exec.timeout_ms = fields.duration_ms("timeout").value_or(0);
  const Fields restart = fields.object("restart");
  exec.restart = restart_of(restart.text("policy").value_or("always"));
  exec.backoff_ms = restart.duration_ms("backoff").value_or(1'000);
  return exec;
}

// Words that stood for priorities in the original's packets; where they are not enforced, all are
// the same.
std::optional<int64_t> priority_of(const Fields& spec, const Header& header) {
  if (header.version == ApiVersion::kV1) return spec.integer("priority");
  if (!header.enforce) return std::nullopt;
  if (const auto number = spec.integer("priority")) {
    return std::clamp<int64_t>(*number, -1'000, 1'000);
  }
  std::string word = spec.text("priority").value_or("");
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::pair<std::string_view, int64_t>, 4> kWords = {
      {{"low", -10}, {"normal", 0}, {"high", 10}, {"critical", 20}}};
  for (const auto& [name, value] : kWords) {
    if (word == name) return value;
  }
  return std::nullopt;
}

std::optional<Semantic> decode_semantic(const Fields& spec) {
  const Node* node = spec.get("semantic");
  if (node == nullptr || !node->is_map()) return std::nullopt;
  Findings told;  // by the check already
  Semantic semantic;
  semantic.canonical = to_json(sorted(*node), spec.yaml(), "", &told);
  semantic.digest = lineage::sha256(semantic.canonical);
  return semantic;
}

// What can never work: an error, of v1alpha1 a warning.
void never(const Fields& fields, std::string_view key, std::string detail, Findings* findings) {
  const Node* node = fields.get(key);
  const bool alpha = fields.version() == ApiVersion::kAlpha;
  findings->push_back({alpha ? Finding::Weight::kWarning : Finding::Weight::kError, node->place,
                       fmt::format("spec.{}", key), shown(*node), std::move(detail)});
}

// Milliseconds since 1970 where it is a time of day, else from now on.
struct Moment {
  bool counts_from_now = false;
  int64_t ms = 0;
};
std::optional<Moment> moment_of(const std::string& text) {
  if (const auto ms = read_duration_ms(text)) return Moment{true, *ms};
  if (const auto ms = read_time_ms(text)) return Moment{false, *ms};
  return std::nullopt;
}

void check_times(const Packet& packet, const Fields& spec, const Header& header,
                 Findings* findings) {
  const auto begins = moment_of(packet.not_before);
  const auto ends = moment_of(packet.deadline);
  if (!ends) return;
  if (begins && begins->counts_from_now == ends->counts_from_now && begins->ms >= ends->ms) {
    return never(spec, "notBefore", "is not before the deadline, so it would only expire",
                 findings);
  }
  // Of a packet that has ended long ago it may stand there still.
  if (!ends->counts_from_now && header.now_ms > 0 && ends->ms <= header.now_ms) {
    const Node* node = spec.get("deadline");
    warn(findings, node->place, "spec.deadline", shown(*node),
         "has passed: hosts refuse the packet, unless they have it already");
  }
}

void check_spread(const Packet& packet, const Fields& spec, Findings* findings) {
  if (packet.affinity_key.empty()) {
    if (packet.spread == "affinity") {
      never(spec, "spread", "needs an affinityKey, which it goes by", findings);
    }
  } else if (!packet.spread.empty() && packet.spread != "affinity") {
    never(spec, "spread", "cannot stand beside an affinityKey; leave it out", findings);
  }
}

void add_references(const Fields& fields, std::string_view section, std::string_view name,
                    std::string_view kind, std::vector<Reference>* out) {
  const Node* list = fields.get(name);
  if (list == nullptr || !list->is_list()) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = list->items[i];
    const bool text =
        item.is_scalar() && read_scalar(item, fields.yaml()).kind == Scalar::Kind::kText;
    if (!text || item.text.empty()) continue;
    out->push_back(
        {&list->items[i], fmt::format("{}.{}[{}]", section, name, i), std::string(kind)});
  }
}

BundleNotes decode_notes(const Fields& app) {
  const Fields control = app.object("controlPlane");
  const Fields build = app.object("build");
  BundleNotes notes;
  notes.strategy = control.object("assignment").text("strategy").value_or("");
  notes.audit_sink = control.object("audit").text("sink").value_or("");
  notes.minimum_trust = control.object("governance").number("minimumTrustScore");
  notes.target = build.text("target").value_or("");
  notes.outputs = build.texts("outputs");
  const Fields assets = app.object("semanticAssets");
  for (const std::string_view name : kAssetLists) {
    const Node* const list = assets.get(name);
    if (list == nullptr || !list->is_list()) continue;
    for (const Node& item : list->items) {
      if (!item.is_scalar()) continue;
      notes.assets.push_back({item.place, fmt::format("semanticAssets.{}", name), item.text});
    }
  }
  return notes;
}

// What the original took whatever it was, and now has to mean something.
void check_enforced(const Fields& membership, Findings* findings) {
  const auto check = [&](const char* section, const char* key, bool good, const char* allowed) {
    const Node* node = membership.object(section).get(key);
    if (node == nullptr || good || membership.version() == ApiVersion::kV1) return;
    findings->push_back({Finding::Weight::kError, node->place,
                         fmt::format("membership.{}.{}", section, key), shown(*node),
                         fmt::format("is not {}, which spec.enforce needs", allowed)});
  };
  const auto seconds = membership.object("retirement").integer("drainTimeoutSeconds");
  check("retirement", "drainTimeoutSeconds", seconds && *seconds >= 0 && *seconds <= 86'400,
        "a whole number from 0 to 86400");
  check("migration", "enabled", membership.object("migration").truth("enabled").has_value(),
        "true or false");
}

}  // namespace

void decode_app(const Node& document, ApiVersion version, App* app, Findings* findings) {
  const Fields fields = fields_of(document, "PhoenixApp", version);
  const Fields metadata = fields.object("metadata");
  app->declared = true;
  app->place = document.place;
  app->version = version;
  app->name = name_of(metadata, "name", findings);
  app->ns = namespace_of(metadata, "default", findings);
  app->release = metadata.text("version").value_or("");
  app->labels = metadata.pairs("labels");
  const Fields runtime = fields.object("runtime");
  app->language = runtime.text("language").value_or("");
  app->entrypoint = runtime.text("entrypoint").value_or("");
  app->entrypoint_place = place_of(runtime, "entrypoint", document.place);
  app->enforce =
      version == ApiVersion::kV1 || fields.object("spec").truth("enforce").value_or(false);
  app->notes = decode_notes(fields);
  if (!app->enforce) return;
  app->minimum_trust = app->notes.minimum_trust;
  const Fields membership = fields.object("membership");
  check_enforced(membership, findings);
  app->drain_seconds = membership.object("retirement").integer("drainTimeoutSeconds");
  app->migration = membership.object("migration").truth("enabled").value_or(true);
}

Agent decode_agent(const Node& document, const Header& header, Findings* findings) {
  const Fields fields = fields_of(document, "Agent", header.version);
  const Fields metadata = fields.object("metadata");
  const Fields spec = fields.object("spec");
  Agent agent = begun<Agent>(document, metadata, header, findings);
  const bool enforce = header.version == ApiVersion::kV1 || header.enforce ||
                       (spec.truth("enforce").value_or(false));
  if (enforce) agent.kind = kind_of(spec.text("type").value_or("agent"));
  agent.capabilities = spec.texts("capabilities");
  agent.trust = spec.number("trustScore");
  agent.reliability = spec.number("reliability");
  agent.max_load = spec.integer("maxLoad").value_or(1);
  agent.compliance = spec.texts("compliance");
  agent.weight = spec.integer("weight").value_or(100);
  agent.labels = labels_of(metadata, spec);
  agent.exec = decode_exec(spec);
  return agent;
}

Packet decode_packet(const Node& document, const Header& header, Findings* findings) {
  const Fields fields = fields_of(document, "FlightPacket", header.version);
  const Fields metadata = fields.object("metadata");
  const Fields spec = fields.object("spec");
  Packet packet = begun<Packet>(document, metadata, header, findings);
  packet.required = spec.texts("requiredCapabilities");
  packet.required_place = place_of(spec, "requiredCapabilities", document.place);
  const std::string match = spec.text("capabilityMatch").value_or("");
  packet.any = match.empty() ? header.version == ApiVersion::kAlpha : match == "any";
  packet.policy_tags = spec.texts("policyTags");
  Findings told;  // by the check already
  if (const Node* payload = spec.get("payload")) {
    packet.payload = to_json(*payload, spec.yaml(), "", &told);
  }
  packet.priority = priority_of(spec, header).value_or(0);
  packet.labels = labels_of(metadata, spec);
  packet.affinity_key = spec.text("affinityKey").value_or("");
  packet.spread = spec.text("spread").value_or("");
  packet.load = spec.integer("load").value_or(1);
  packet.not_before = spec.text("notBefore").value_or("");
  packet.deadline = spec.text("deadline").value_or("");
  packet.attempt_timeout_ms = spec.duration_ms("attemptTimeout");
  packet.max_attempts = spec.integer("maxAttempts");
  packet.max_losses = spec.integer("maxLosses");
  packet.retain_ms = spec.duration_ms("retain");
  packet.replicas = spec.integer("replicas").value_or(0);
  packet.semantic = decode_semantic(spec);
  packet.contract = spec.text("contract").value_or("");
  packet.contract_place = place_of(spec, "contract", document.place);
  if (spec.get("scopes") != nullptr) packet.scopes = spec.texts("scopes");
  check_times(packet, spec, header, findings);
  check_spread(packet, spec, findings);
  return packet;
}

Contract decode_contract(const Node& document, const Header& header, Findings* findings) {
  const Fields fields = fields_of(document, "HandoffContract", header.version);
  const Fields metadata = fields.object("metadata");
  const Fields spec = fields.object("spec");
  Contract contract = begun<Contract>(document, metadata, header, findings);
  contract.in_force =
      header.version == ApiVersion::kV1 || header.enforce || spec.truth("enforce").value_or(false);
  contract.terms = contract_terms(spec);
  contract.source_place = place_of(spec, "source", document.place);
  contract.target_place = place_of(spec, "target", document.place);
  const Place other =
      place_of(spec, "requiredCompliance", place_of(spec, "minimumTrustScore", document.place));
  contract.required_place = place_of(spec, "requiredCapabilities", other);
  if (contract.in_force) check_terms(contract.terms, spec, findings);
  return contract;
}

PolicyDocument decode_policy(const Node& document, ApiVersion version, bool bare,
                             const std::string& file, Findings* findings) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPoints = {
      {{"can-register", "CanRegister"},
       {"can-assign", "CanAssign"},
       {"can-handoff", "CanHandoff"},
       {"can-retire", "CanRetire"}}};
  PolicyDocument policy;
  policy.place = document.place;
  policy.version = version;
  policy.bare = bare;
  policy.file = file;
  policy.root = document;
  if (bare) {
    policy.name = fields_of(document, "PolicyRules", version).text("name").value_or("");
    for (const auto& [point, other] : kPoints) {
      if (policy.target.empty() && file.find(point) != std::string::npos) policy.target = point;
    }
    for (const auto& [point, other] : kPoints) {
      if (policy.target.empty() && policy.name == point) policy.target = point;
    }
    if (policy.target.empty()) {
      warn(findings, document.place, "", "",
           "decides nothing: neither the file's name nor its `name` holds can-register, "
           "can-assign, can-handoff or can-retire");
    }
    return policy;
  }
  const Fields fields = fields_of(document, "Policy", version);
  policy.name = name_of(fields.object("metadata"), "name", findings);
  const std::string target = fields.object("spec").text("target").value_or("");
  for (const auto& [point, other] : kPoints) {
    if (target == point || target == other) policy.target = point;
  }
  return policy;
}

PolicyTest decode_test(const Node& document, ApiVersion version) {
  const Fields metadata = fields_of(document, "PolicyTest", version).object("metadata");
  return {version, metadata.text("name").value_or(""), document};
}

std::string name_from(const std::string& path) {
  const size_t slash = path.rfind('/');
  return id_of(slash == std::string::npos ? path : path.substr(slash + 1));
}

std::vector<Reference> references(const Node& document, ApiVersion version) {
  const Fields fields = fields_of(document, "PhoenixApp", version);
  std::vector<Reference> out;
  const Fields control = fields.object("controlPlane");
  const Fields data = fields.object("dataPlane");
  add_references(control, "controlPlane", "policies", "Policy", &out);
  add_references(data, "dataPlane", "agents", "Agent", &out);
  add_references(data, "dataPlane", "packets", "FlightPacket", &out);
  add_references(data, "dataPlane", "handoffContracts", "HandoffContract", &out);
  return out;
}

}  // namespace phoenix::manifest
