#include "cli/apps/app_documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/key.h"
#include "manifest/policies/policies.h"
#include "policy/contract/source.h"
#include "policy/rules/source_json.h"

namespace phoenix::cli {
namespace {

constexpr size_t kLongestId = 128;

// An id of it: the original's policies have any text as their name.
std::string id_of(std::string name) {
  for (char& c : name) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '.' && c != '_' && c != '-') c = '-';
  }
  if (name.empty() || !valid_id(name.substr(0, 1))) name.insert(0, "p");
  name.resize(std::min(name.size(), kLongestId));
  return name;
}

Json document(const char* kind, const std::string& name, const std::string& spec) {
  Json item = Json::object();
  item.set("kind", Json::string(kind)).set("name", Json::string(name));
  const auto read = Json::parse(spec);
  item.set("spec", read ? *read : Json());
  return item;
}

// Those of the app's policies: the same in each of its namespaces. What its governance asks for is
// named after the app, so that several apps may ask in one namespace.
std::vector<Json> policy_documents(const manifest::App& app) {
  manifest::Findings told_before;
  std::set<std::string> names;
  std::vector<Json> documents;
  for (const policy::PolicySource& source : manifest::policy_sources(app, &told_before)) {
    const std::string point(policy::point_name(source.point));
    const bool governance = source.name == "governance";
    std::string name = id_of(governance ? app.name + "-governance-" + point : source.name);
    if (!names.insert(name).second) {
      name = id_of(source.name + "-" + point);
      for (int i = 2; !names.insert(name).second; ++i) {
        name = id_of(fmt::format("{}-{}-{}", source.name, point, i));
      }
    }
    documents.push_back(document("policy", name, policy::policy_json(source)));
  }
  return documents;
}

Change::Verb verb_of(const std::string& change) {
  return change == "created"   ? Change::Verb::kCreate
         : change == "changed" ? Change::Verb::kUpdate
                               : Change::Verb::kRemove;
}

}  // namespace

Outcome<std::vector<Change>> apply_documents(AppHost& host, const manifest::App& app,
                                             const std::string& what,
                                             const DocumentOptions& options) {
  std::vector<Change> plan;
  const std::vector<Json> policies = options.remove ? std::vector<Json>() : policy_documents(app);
  for (const std::string& ns : namespaces_of(app)) {
    Json documents = Json::array();
    size_t count = policies.size();
    for (const Json& one : policies) documents.push(one);
    for (const manifest::Contract& contract : app.contracts) {
      if (options.remove || !contract.in_force || contract.ns != ns) continue;
      documents.push(document("contract", contract.name, policy::contract_json(contract.terms)));
      ++count;
    }
    const bool prune = options.prune || options.remove;
    if (count == 0 && !prune) continue;
    Json body = Json::object();
    if (app.declared) body.set("app", Json::string(app.name));
    body.set("documents", std::move(documents));
    body.set("prune", Json::boolean(prune)).set("dryRun", Json::boolean(options.dry_run));
    const auto reply = host.in(ns).post(what, Target({"documents:apply"}), body);
    if (!reply) return tl::unexpected(reply.error());
    for (const Json& item : reply->json["items"].items()) {
      const std::string change = item["change"].text();
      if (change == "none") continue;
      Change row;
      row.verb = verb_of(change);
      row.document = item["kind"].text() == "contract" ? "contract" : "policy";
      row.ns = ns;
      row.id = item["name"].text();
      row.detail = item["spec"]["target"].text();
      plan.push_back(std::move(row));
    }
  }
  return plan;
}

}  // namespace phoenix::cli
