#include "manifest/app/never_works.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "manifest/app/app_files.h"
#include "manifest/kinds/fields.h"
#include "policy/rules/point.h"

namespace phoenix::manifest {
namespace {

constexpr size_t kReasonsTold = 4;
constexpr const char* kLeadsOut = "leads out of the app's folder";

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

// Whether a path of the app stays within its folder, links followed; what is not there yet counts
// as it is written.
bool is_within(const std::string& folder, const std::string& path) {
  if (path.empty()) return true;
  if (!AppFiles::within(path)) return false;
  if (folder.empty()) return true;
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(folder, error);
  const std::filesystem::path there =
      std::filesystem::weakly_canonical(std::filesystem::path(folder) / path, error);
  if (error) return true;  // what is wrong with it is told where it is opened
  const std::filesystem::path relative = there.lexically_relative(root);
  return !relative.empty() && *relative.begin() != "..";
}

// "worker-7" -> "worker" and 7, as replicas are called.
std::optional<std::pair<std::string, int64_t>> replica_of(const std::string& name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string::npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  int64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto read = std::from_chars(name.data() + dash + 1, end, number);
  const bool plain = read.ec == std::errc() && read.ptr == end && name[dash + 1] != '0';
  if (!plain || number < 1) return std::nullopt;
  return std::pair(name.substr(0, dash), number);
}
int64_t replicas(const Agent& agent) {
  return agent.exec && agent.exec->replicas > 1 ? agent.exec->replicas : 0;
}
int64_t replicas(const Packet& packet) { return packet.replicas; }

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
    names_of_replicas(app_.agents, "Agent");
    names_of_replicas(app_.packets, "FlightPacket");
    same_policies();
    if (agents_are_whole && !app_.agents.empty()) {
      for (const Packet& packet : app_.packets) placed_by_nobody(packet);
      for (const Contract& contract : app_.contracts) met_by_nobody(contract);
    }
    for (const Packet& packet : app_.packets) contract_is_declared(packet);
    for (const PolicyDocument& policy : app_.policies) {
      is_shut(policy);
      if (!policy.bare) idle_parts(policy);
    }
    for (const Agent& agent : app_.agents) runs(agent);
    entrypoint();
  }

  bool denies_all() const { return denies_all_; }

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

  // One of several of one form may not be called as something else is.
  template <class Thing>
  void names_of_replicas(const std::vector<Thing>& things, const char* kind) {
    std::map<std::pair<std::string, std::string>, const Thing*> many;
    for (const Thing& thing : things) {
      if (replicas(thing) > 0) many.emplace(std::pair(thing.ns, thing.name), &thing);
    }
    for (const Thing& thing : things) {
      const auto one = replicas(thing) > 0 ? std::nullopt : replica_of(thing.name);
      if (!one) continue;
      const auto found = many.find({thing.ns, one->first});
      if (found == many.end() || one->second > replicas(*found->second)) continue;
      say(thing.version, thing.place, "metadata.name", quote(thing.name),
          fmt::format("is the name of a replica of {} {} too, at {}", kind, one->first,
                      found->second->place.text()));
    }
  }

  // A decision names a policy and its rule.
  void same_policies() {
    std::map<std::pair<std::string, std::string>, const PolicyDocument*> seen;
    for (const PolicyDocument& policy : app_.policies) {
      if (policy.name.empty() || policy.bare) continue;
      const auto [first, fresh] = seen.emplace(std::pair(policy.target, policy.name), &policy);
      if (fresh) continue;
      say(policy.version, name_place(policy), "metadata.name", quote(policy.name),
          fmt::format("is the name of another Policy of {} too, at {}", policy.target,
                      name_place(*first->second).text()));
    }
  }

  static const Place& name_place(const PolicyDocument& policy) {
    const Node* metadata = policy.root.find("metadata");
    const Node* name = metadata == nullptr ? nullptr : metadata->find("name");
    return name == nullptr ? policy.place : name->place;
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
    if (const Agent* target = agent(terms.receiver)) {
      const std::string why = why_not_receiver(terms, *target);
      if (why.empty()) return;
      return say(contract.version, contract.required_place, "spec.requiredCapabilities", "",
                 fmt::format("the target {} {}, so contract {} is never met", target->name, why,
                             contract.name));
    }
    if (terms.receiver.empty()) received_by_nobody(contract);
  }

  static std::string why_not_receiver(const policy::ContractSource& terms, const Agent& agent) {
    const Words lacking = missing(terms.capabilities, agent.capabilities, terms.any_capability);
    if (!lacking.empty()) return fmt::format("lacks {}", fmt::join(lacking, ", "));
    const Words open = missing(terms.compliance, agent.compliance, false);
    if (!open.empty()) return fmt::format("has not the compliance {}", fmt::join(open, ", "));
    const double trust = agent.trust.value_or(1);
    const uint32_t least = terms.minimum_trust.value_or(0);
    if (least > 1'000 || std::lround(trust * 1'000) >= least) return {};  // told where it stands
    return fmt::format("has trustScore {}", trust);
  }

  void received_by_nobody(const Contract& contract) {
    Words reasons;
    for (const Agent& each : app_.agents) {
      const std::string why = why_not_receiver(contract.terms, each);
      if (why.empty()) return;
      if (reasons.size() < kReasonsTold) reasons.push_back(each.name + " " + why);
    }
    say(contract.version, contract.required_place, "spec", "",
        fmt::format("no declared agent can receive under contract {}: {}", contract.name,
                    fmt::join(reasons, "; ")));
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

  void is_shut(const PolicyDocument& policy) {
    if (policy.bare) return;
    const Fields spec =
        Fields(&policy.root, find_kind("Policy")->shape, policy.version).object("spec");
    if (spec.node() == nullptr || !spec.node()->is_map()) return;  // told already
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
      return denies_by_rule(policy, rules);
    }
    if (rules != nullptr && rules->is_list()) {
      for (const Node& rule : rules->items) {
        const Node* decision = rule.find("decision");
        if (decision == nullptr || !denies(*decision)) return;
      }
    }
    denies_all_ = true;
    say(policy.version, rules == nullptr ? policy.place : rules->place, "spec.rules", "",
        fmt::format("policy {} denies everything: no rule allows, and the default denies",
                    policy.name));
  }

  // A rule for everything that denies: none of the others is any use.
  void denies_by_rule(const PolicyDocument& policy, const Node* rules) {
    if (rules == nullptr || !rules->is_list() || rules->items.size() != 1) return;
    const Node* condition = rules->items[0].find("condition");
    const Node* decision = rules->items[0].find("decision");
    if (condition == nullptr || decision == nullptr) return;
    const bool always = condition->text == "true" || condition->text == "default";
    if (!always || !denies(*decision)) return;
    denies_all_ = true;
    say(policy.version, decision->place, "spec.rules[0].decision", shown(*decision),
        fmt::format("policy {} denies everything", policy.name));
  }

  // What stands in a rule and would do nothing.
  void idle_parts(const PolicyDocument& policy) {
    std::map<std::string, Place> names;
    const std::vector<Fields> rules =
        Fields(&policy.root, find_kind("Policy")->shape, policy.version)
            .object("spec")
            .objects("rules");
    for (size_t i = 0; i < rules.size(); ++i) {
      const std::string path = fmt::format("spec.rules[{}]", i);
      const Node* name = rules[i].get("name");
      if (name != nullptr) {
        const auto [first, fresh] = names.emplace(name->text, name->place);
        if (!fresh) {
          say(policy.version, name->place, path + ".name", shown(*name),
              fmt::format("is the name of another rule of this policy too, at {}",
                          first->second.text()));
        }
      }
      const Node* approval = rules[i].get("approval");
      const auto verdict = policy::verdict_from_name(rules[i].text("decision").value_or(""));
      if (approval != nullptr && verdict && *verdict != policy::Verdict::kRequireApproval) {
        say(policy.version, approval->place, path + ".approval", "",
            "does nothing unless the decision is require-approval");
      }
      const std::vector<Fields> obligations = rules[i].objects("obligations");
      for (size_t at = 0; at < obligations.size(); ++at) {
        const Node* node = obligations[at].node();
        if (!node->is_map() || !node->items.empty()) continue;
        say(policy.version, node->place, fmt::format("{}.obligations[{}]", path, at), "",
            "says nothing; give it redact, log or narrowScopes");
      }
    }
  }

  // A command that names a file of the app must find it there.
  void runs(const Agent& agent) {
    if (!agent.exec) return;
    const std::string& program = agent.exec->command[0];
    if (!is_within(app_.folder, agent.exec->working_dir)) {
      return leads_out(agent.exec->working_dir_place, "spec.exec.workingDir",
                       agent.exec->working_dir);
    }
    const std::string base =
        app_.folder + (agent.exec->working_dir.empty() ? "" : "/" + agent.exec->working_dir);
    struct stat found = {};
    if (!agent.exec->working_dir.empty() &&
        (stat(base.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))) {
      return say(agent.version, agent.exec->working_dir_place, "spec.exec.workingDir",
                 quote(agent.exec->working_dir), "is no folder of the app");
    }
    if (program.find('/') == std::string::npos || program[0] == '/') return;
    const std::string path = base + "/" + program;
    const std::string from_root =
        agent.exec->working_dir.empty() ? program : agent.exec->working_dir + "/" + program;
    // It may be a link to a program of the machine, as an interpreter of a virtual environment is.
    if (!AppFiles::within(from_root)) {
      return leads_out(agent.exec->command_place, "spec.exec.command[0]", program);
    }
    if (stat(path.c_str(), &found) != 0) {
      say(agent.version, agent.exec->command_place, "spec.exec.command[0]", quote(program),
          "does not exist in the app's folder");
    } else if ((found.st_mode & 0111) == 0) {
      say(agent.version, agent.exec->command_place, "spec.exec.command[0]", quote(program),
          "is not executable; chmod +x it, or name its interpreter first");
    }
  }

  // Whatever the version: a bundle could not hold it.
  void leads_out(const Place& place, const char* field, const std::string& path) {
    findings_->push_back({Finding::Weight::kError, place, field, quote(path), kLeadsOut});
  }

  void entrypoint() {
    if (app_.entrypoint.empty() || app_.folder.empty()) return;
    if (!is_within(app_.folder, app_.entrypoint)) {
      return say(app_.version, app_.entrypoint_place, "runtime.entrypoint", quote(app_.entrypoint),
                 kLeadsOut);
    }
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
  bool denies_all_ = false;
};

}  // namespace

bool find_what_never_works(const App& app, bool agents_are_whole, Findings* findings) {
  Finder finder(app, findings);
  finder.run(agents_are_whole);
  return finder.denies_all();
}

}  // namespace phoenix::manifest
