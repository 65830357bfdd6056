#include "manifest/app/never_works.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>

#include "manifest/kinds/fields.h"

namespace phoenix::manifest {
namespace {

constexpr size_t kReasonsTold = 4;

using Words = std::vector<std::string>;

bool holds(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Which of `wanted` are missing of `held`; empty where they need not all be there and one is.
Words missing(const Words& wanted, const Words& held, bool any) {
  Words out;
  for (const std::string& word : wanted) {
    if (!holds(held, word)) out.push_back(word);
  }
  return any && out.size() < wanted.size() ? Words() : out;
}

std::optional<double> minimum_trust(const PolicyDocument& policy) {
  if (!policy.bare) return std::nullopt;
  const Fields fields(&policy.root, find_kind("PolicyRules")->shape, policy.version);
  return fields.object("rules").number("minimumTrustScore");
}

}  // namespace

std::string why_not(const App& app, const Agent& agent, const Packet& packet) {
  if (agent.ns != packet.ns) {
    return fmt::format("works for namespace {}, not {}", agent.ns, packet.ns);
  }
  const Words lacking = missing(packet.required, agent.capabilities, packet.any);
  if (!lacking.empty()) {
    return fmt::format("lacks {}", fmt::join(lacking, packet.any ? " and " : ", "));
  }
  if (packet.load > agent.max_load) {
    return fmt::format("holds a load of {}, not {}", agent.max_load, packet.load);
  }
  const double trust = agent.trust.value_or(1);
  if (app.minimum_trust && trust < *app.minimum_trust) {
    return fmt::format("has trustScore {}, below governance.minimumTrustScore {}", trust,
                       *app.minimum_trust);
  }
  for (const PolicyDocument& policy : app.policies) {
    if (policy.target != "can-assign" && policy.target != "can-register") continue;
    const auto least = minimum_trust(policy);
    if (least && trust < *least) {
      return fmt::format("has trustScore {}, below minimumTrustScore {} of policy {}", trust,
                         *least, policy.name);
    }
  }
  return {};
}

namespace {

bool denies(const Node& decision) {
  return decision.text == "deny" || decision.text == "DENY" || decision.text == "Deny";
}

class Finder {
 public:
  Finder(const App& app, Findings* findings) : app_(app), findings_(findings) {}

  void run(bool agents_are_whole) {
    same_names(app_.agents, "Agent");
    same_names(app_.packets, "FlightPacket");
    same_names(app_.contracts, "HandoffContract");
    if (agents_are_whole && !app_.agents.empty()) {
      for (const Packet& packet : app_.packets) placed_by_nobody(packet);
      for (const Contract& contract : app_.contracts) met_by_nobody(contract);
    }
    for (const Packet& packet : app_.packets) contract_is_declared(packet);
    for (const PolicyDocument& policy : app_.policies) denies_all(policy);
    for (const Agent& agent : app_.agents) runs(agent);
    entrypoint();
  }

 private:
  void say(ApiVersion version, const Place& place, std::string path, std::string value,
           std::string detail) {
    const bool warning = version == ApiVersion::kAlpha;
    findings_->push_back({warning ? Finding::Weight::kWarning : Finding::Weight::kError, place,
                          std::move(path), std::move(value), std::move(detail)});
  }

  template <class Thing>
  void same_names(const std::vector<Thing>& things, const char* kind) {
    std::map<std::pair<std::string, std::string>, const Thing*> seen;
    for (const Thing& thing : things) {
      if (thing.name.empty()) continue;
      const auto [first, fresh] = seen.emplace(std::pair(thing.ns, thing.name), &thing);
      if (fresh) continue;
      say(thing.version, thing.place, "metadata.name", quote(thing.name),
          fmt::format("is the name of another {} too, at {}", kind, first->second->place.text()));
    }
  }

  void placed_by_nobody(const Packet& packet) {
    if (packet.name.empty()) return;
    Words reasons;
    for (const Agent& agent : app_.agents) {
      const std::string reason = why_not(app_, agent, packet);
      if (reason.empty()) return;
      if (reasons.size() < kReasonsTold) reasons.push_back(agent.name + " " + reason);
    }
    if (app_.agents.size() > kReasonsTold) {
      reasons.push_back(fmt::format("and {} more", app_.agents.size() - kReasonsTold));
    }
    say(packet.version, packet.required_place, "spec.requiredCapabilities", "",
        fmt::format("no declared agent may take packet {}: {}", packet.name,
                    fmt::join(reasons, "; ")));
  }

  const Agent* agent(const std::string& name) const {
    for (const Agent& each : app_.agents) {
      if (each.name == name) return &each;
    }
    return nullptr;
  }

  void met_by_nobody(const Contract& contract) {
    const auto declared = [&](const std::string& name, const Place& place, const char* key) {
      if (name.empty() || agent(name) != nullptr) return;
      say(contract.version, place, key, quote(name),
          fmt::format("is no declared agent, so contract {} is never met", contract.name));
    };
    const policy::ContractSource& terms = contract.terms;
    declared(terms.giver, contract.source_place, "spec.source");
    declared(terms.receiver, contract.target_place, "spec.target");
    const Agent* target = agent(terms.receiver);
    if (target == nullptr) return;
    const Words lacking = missing(terms.capabilities, target->capabilities, terms.any_capability);
    if (lacking.empty()) return;
    say(contract.version, contract.required_place, "spec.requiredCapabilities", "",
        fmt::format("the target {} lacks {}, so contract {} is never met", target->name,
                    fmt::join(lacking, ", "), contract.name));
  }

  // It may be on the host already, so this only warns.
  void contract_is_declared(const Packet& packet) {
    const auto is_it = [&packet](const Contract& each) {
      return each.name == packet.contract && each.ns == packet.ns;
    };
    if (packet.contract.empty() ||
        std::any_of(app_.contracts.begin(), app_.contracts.end(), is_it)) {
      return;
    }
    say(ApiVersion::kAlpha, packet.contract_place, "spec.contract", quote(packet.contract),
        fmt::format("is no declared contract of namespace {}", packet.ns));
  }

  void denies_all(const PolicyDocument& policy) {
    if (policy.bare) return;
    const Fields spec =
        Fields(&policy.root, find_kind("Policy")->shape, policy.version).object("spec");
    const Node* rules = spec.get("rules");
    const std::string otherwise =
        spec.text("defaultDecision")
            .value_or(policy.version == ApiVersion::kAlpha ? "allow" : "deny");
    bool declarative = false;
    for (const char* key : {"minimumTrustScore", "requireCapabilities", "requireCapabilityMatch",
                            "maxLoadRequired", "restrictedTags"}) {
      declarative |= spec.get(key) != nullptr;
    }
    if (otherwise != "deny" || declarative) {
      denies_by_default(policy, rules);
      return;
    }
    if (rules != nullptr && rules->is_list()) {
      for (const Node& rule : rules->items) {
        const Node* decision = rule.find("decision");
        if (decision == nullptr || !denies(*decision)) return;
      }
    }
    say(policy.version, rules == nullptr ? policy.place : rules->place, "spec.rules", "",
        fmt::format("policy {} denies everything: no rule allows, and the default denies",
                    policy.name));
  }

  // A rule for everything that denies: none of the others is any use.
  void denies_by_default(const PolicyDocument& policy, const Node* rules) {
    if (rules == nullptr || !rules->is_list() || rules->items.size() != 1) return;
    const Node* condition = rules->items[0].find("condition");
    const Node* decision = rules->items[0].find("decision");
    if (condition == nullptr || decision == nullptr) return;
    const bool always = condition->text == "true" || condition->text == "default";
    if (!always || !denies(*decision)) return;
    say(policy.version, decision->place, "spec.rules[0].decision", shown(*decision),
        fmt::format("policy {} denies everything", policy.name));
  }

  // A command that names a file of the app must find it there.
  void runs(const Agent& agent) {
    if (!agent.exec) return;
    const std::string& program = agent.exec->command[0];
    const std::string base =
        app_.folder + (agent.exec->working_dir.empty() ? "" : "/" + agent.exec->working_dir);
    struct stat found = {};
    if (!agent.exec->working_dir.empty() &&
        (stat(base.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))) {
      return say(agent.version, agent.exec_place, "spec.exec.workingDir",
                 quote(agent.exec->working_dir), "is no folder of the app");
    }
    if (program.find('/') == std::string::npos || program[0] == '/') return;
    const std::string path = base + "/" + program;
    if (stat(path.c_str(), &found) != 0) {
      say(agent.version, agent.exec_place, "spec.exec.command[0]", quote(program),
          "does not exist in the app's folder");
    } else if ((found.st_mode & 0111) == 0) {
      say(agent.version, agent.exec_place, "spec.exec.command[0]", quote(program),
          "is not executable; chmod +x it, or name its interpreter first");
    }
  }

  void entrypoint() {
    if (app_.entrypoint.empty() || app_.folder.empty()) return;
    const bool needed = std::any_of(app_.agents.begin(), app_.agents.end(), [](const Agent& each) {
      return !each.exec && each.kind != "human";
    });
    struct stat found = {};
    if (!needed || stat((app_.folder + "/" + app_.entrypoint).c_str(), &found) == 0) return;
    say(app_.version, app_.entrypoint_place, "runtime.entrypoint", quote(app_.entrypoint),
        "does not exist, so agents without exec do not run");
  }

  const App& app_;
  Findings* findings_;
};

}  // namespace

void find_what_never_works(const App& app, bool agents_are_whole, Findings* findings) {
  Finder(app, findings).run(agents_are_whole);
}

}  // namespace phoenix::manifest
